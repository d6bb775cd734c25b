"""Classifiers and topic models as a configuration asks for them."""

from __future__ import annotations

from topics import plugins
from topics.config import Config, convert
from topics.estimator import Classifier, TopicModel


def new_classifier(config: Config, jobs: int = 1) -> Classifier:
    """Return an unfitted classifier that uses up to `jobs` processes.

    Raises:
        UsageError: the classifier or one of its settings is unknown.
    """
    kind: type[Classifier] = plugins.CLASSIFIERS.load(config.rubrics.classifier)
    return kind(convert(config.rubrics.settings, kind.Settings, "rubrics.settings"), jobs)


def new_topic_model(config: Config) -> TopicModel:
    """Return an unfitted topic model.

    Raises:
        UsageError: the topic model or one of its settings is unknown.
    """
    kind: type[TopicModel] = plugins.TOPIC_MODELS.load(config.topics.model)
    return kind(convert(config.topics.settings, kind.Settings, "topics.settings"))
