"""From a corpus to published versions: read, learn, judge, report; and the same again, byte for byte."""
