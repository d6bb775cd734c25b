"use strict";
/* The map of topics: circles, their labels, and the pointer and the keys upon them.

   `map` is an empty svg element, a topic has `circle`: x, y and radius on a map of width 1 and this height. */
const atlas = (map, topics, height, { draw, nameOf, describe, choose }) => {
  let chosen = 0;
  const circles = topics.map((topic) => {
    const name = describe(topic);
    const circle = draw("circle", { role: "option", tabindex: -1, "aria-label": name, "aria-selected": "false" });
    circle.append(draw("title", {}, name));
    return circle;
  });
  const labels = draw("g", { class: "labels", "aria-hidden": "true" });
  const front = draw("g", { class: "front", "aria-hidden": "true" });
  map.append(...circles, labels, front);
  let centres = [];

  const ruler = document.createElement("canvas").getContext("2d");
  const measure = (text, size) => {
    ruler.font = `600 ${size}px ${getComputedStyle(document.body).fontFamily}`;
    return ruler.measureText(text).width;
  };

  /* No line ends in «и» or «в» */
  const lines = (text, most) => {
    const result = [""];
    for (const word of text.replace(/(^| )(\S{1,2}) /g, "$1$2\u00a0").split(" ")) {
      const last = result.length - 1;
      if (result[last] && (result[last] + " " + word).length > most) result.push(word);
      else result[last] += (result[last] && " ") + word;
    }
    return result;
  };
  const variants = (topic, small) => {
    if (topic.name) return [lines(topic.name, small ? 12 : 18), lines(topic.name, small ? 8 : 10),
      [topic.name.split(" ")[0] + " …"]];
    const words = topic.label.split(", ");
    if (small) return words.slice(0, 2).map((word) => lines(word, 12));
    return [words.slice(0, 2), lines(words[0], 14), words.slice(1, 2)].filter((found) => found.length);
  };
  const meet = (one, other) => Math.max(0, Math.min(one.right, other.right) - Math.max(one.left, other.left))
    * Math.max(0, Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top));
  const boxOf = (c) => ({ left: c.x - c.r, right: c.x + c.r, top: c.y - c.r, bottom: c.y + c.r });

  /* Boxes where a text of so many lines may stand: over its circle, below, above, right, left */
  const boxes = (c, text, size) => {
    const w = Math.max(...text.map((line) => measure(line, size))) / 2 + 2;
    const h = text.length * size * 0.6 + 1;
    return [[0, 0], [0, c.r + h], [0, -c.r - h], [c.r + w + 2, 0], [-c.r - w - 2, 0]].map(([dx, dy]) => ({
      x: c.x + dx, y: c.y + dy, left: c.x + dx - w, right: c.x + dx + w, top: c.y + dy - h, bottom: c.y + dy + h,
    }));
  };
  const written = (text, box, size) => draw("text", { x: box.x, y: box.y, "text-anchor": "middle" },
    ...text.map((line, i) =>
      draw("tspan", { x: box.x, dy: `${i ? size * 1.15 : size * (0.36 - 0.575 * (text.length - 1))}` }, line)));

  const label = (frame, size) => {
    const placed = [], used = new Set();
    labels.replaceChildren();
    topics.forEach((topic, k) => {
      let best = null;
      const unlike = variants(topic, size < 12).filter((text) => !used.has(text.join(" ")));
      unlike.forEach((text, v) => boxes(centres[k], text, size).forEach((box, at) => {
        const outside = box.left < 0 || box.top < 0 || box.right > frame.width || box.bottom > frame.height;
        if (outside || placed.some((other) => meet(box, other))) return;
        const area = (box.right - box.left) * (box.bottom - box.top);
        const hides = centres.reduce((sum, c, other) => sum + (other === k ? 0 : meet(box, boxOf(c))), 0);
        const juts = at ? 0.3 : Math.max(0, box.right - box.left - 2.3 * centres[k].r) / 100;
        const cost = hides / area + juts + 0.2 * v;
        if (cost < 0.8 && (!best || cost < best.cost)) best = { cost, box, text };
      }));
      if (best) {
        placed.push(best.box);
        used.add(best.text.join(" "));
        labels.append(written(best.text, best.box, size));
      }
      centres[k].named = Boolean(best) && !best.text[0].endsWith("…");
    });
  };

  /* The whole name of one topic, over all others */
  const tell = (k) => {
    front.replaceChildren();
    if (k === null) return;
    const c = centres[k], size = 13;
    const text = lines(nameOf(topics[k]), 28);
    const frame = { width: map.clientWidth, height: map.clientHeight };
    const w = Math.max(...text.map((line) => measure(line, size))) / 2 + 8, h = text.length * size * 0.6 + 5;
    const x = Math.min(Math.max(c.x, w), frame.width - w);
    const y = c.y - c.r - h - 3 < h ? c.y + c.r + h + 3 : c.y - c.r - h - 3;
    front.append(draw("rect", { x: x - w, y: y - h, width: 2 * w, height: 2 * h, rx: 4 }),
      written(text, { x, y }, size));
  };

  const lay = () => {
    const width = map.parentElement.clientWidth;
    const small = width < 500;
    const margin = 6;
    const scale = Math.min(width - 2 * margin, (small ? 520 : 620) / height);
    const left = (width - scale) / 2, tall = scale * height + 2 * margin;
    map.setAttribute("viewBox", `0 0 ${width} ${tall}`);
    map.style.height = `${tall}px`;
    centres = topics.map(({ circle: [x, y, r] }) =>
      ({ x: left + x * scale, y: margin + y * scale, r: Math.max(r * scale, 4) }));
    circles.forEach((circle, k) => {
      circle.setAttribute("cx", centres[k].x);
      circle.setAttribute("cy", centres[k].y);
      circle.setAttribute("r", centres[k].r);
    });
    label({ width, height: tall }, small ? 11 : 12);
    rest();
  };

  const nearestTo = (x, y) => {
    let best = null, least = 22;
    centres.forEach((c, k) => {
      const gap = Math.hypot(c.x - x, c.y - y) - c.r;
      if (gap < least) [best, least] = [k, gap];
    });
    return best;
  };
  const at = (event) => {
    const own = circles.indexOf(event.target);
    if (own >= 0) return own;
    const frame = map.getBoundingClientRect();
    return nearestTo(event.clientX - frame.left, event.clientY - frame.top);
  };
  map.addEventListener("click", (event) => {
    const k = at(event);
    if (k !== null) choose(k);
  });
  const rest = () => tell(centres[chosen].named ? null : chosen);
  map.addEventListener("pointermove", (event) => {
    const k = at(event);
    map.style.cursor = k === null ? "" : "pointer";
    if (k === null) rest();
    else tell(k);
  });
  map.addEventListener("pointerleave", rest);

  /* Arrows go to the next circle on that side, Enter and the space bar choose */
  const SIDES = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
  const beside = (k, [dx, dy]) => {
    let best = k, least = Infinity;
    centres.forEach((c, other) => {
      const x = c.x - centres[k].x, y = c.y - centres[k].y, far = Math.hypot(x, y);
      const towards = (x * dx + y * dy) / far;
      if (other !== k && towards > 0.5 && far / towards ** 2 < least) [best, least] = [other, far / towards ** 2];
    });
    return best;
  };
  map.addEventListener("keydown", (event) => {
    const k = circles.indexOf(event.target);
    if (k < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") choose(k);
    else if (event.key in SIDES) step(beside(k, SIDES[event.key]));
    else if (event.key === "Home") step(0);
    else if (event.key === "End") step(topics.length - 1);
    else return;
    event.preventDefault();
  });
  const step = (k) => {
    circles.forEach((circle, other) => circle.setAttribute("tabindex", other === k ? 0 : -1));
    circles[k].focus();
  };
  circles.forEach((circle, k) => {
    circle.addEventListener("focus", () => tell(k));
    circle.addEventListener("blur", rest);
  });

  const mark = (k) => {
    circles[chosen].setAttribute("aria-selected", "false");
    chosen = k;
    circles.forEach((circle, other) => circle.setAttribute("tabindex", other === k ? 0 : -1));
    circles[k].setAttribute("aria-selected", "true");
    rest();
  };
  lay();
  return { mark, lay };
};
