"use strict";
(() => {
  const { report, said, lang } = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const topics = report.topics;
  const placeOf = new Map(topics.map((topic, place) => [topic.id, place]));
  const SHOWN = 20;
  let chosen = 0;

  /* Words and numbers */

  const fill = (phrase, values) => phrase.replace(/{(\w+)}/g, (gap, key) => values[key]);
  const percent = (share, digits) => new Intl.NumberFormat(lang,
    { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(share);
  const fine = (share) => percent(share, share < 0.0995 ? 1 : 0);
  const count = (number) => new Intl.NumberFormat(lang).format(number);
  const decimal = (number) => new Intl.NumberFormat(lang, { minimumFractionDigits: 2 }).format(number);
  const date = (iso, form) =>
    iso ? new Intl.DateTimeFormat(lang, { timeZone: "UTC", ...form }).format(new Date(iso)) : "";
  const day = (iso) => date(iso, { day: "numeric", month: "long", year: "numeric" });
  const period = (iso) => report.unit === "week" ? fill(said.week_of, { day: day(iso) })
    : date(iso, { month: "long", year: "numeric" });
  const nameOf = (topic) => topic.name || topic.label;

  /* Text goes into the page as text only, never as markup */

  const make = (tag, attributes, ...children) => fit(document.createElement(tag), attributes, children);
  const draw = (tag, attributes, ...children) =>
    fit(document.createElementNS(byId("map").namespaceURI, tag), attributes, children);
  const fit = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  /* The map */

  const map = byId("map");
  const circles = topics.map((topic) => {
    const name = fill(said.circle, { name: nameOf(topic), share: fine(topic.share) });
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

  const lines = (text, most) => {
    const result = [""];
    for (const word of text.split(" ")) {
      const last = result.length - 1;
      if (result[last] && (result[last] + " " + word).length > most) result.push(word);
      else result[last] += (result[last] && " ") + word;
    }
    return result;
  };
  const variants = (topic, small) => {
    if (topic.name) return [lines(topic.name, small ? 12 : 18), [topic.name.split(" ")[0] + " …"]];
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
    const placed = [];
    labels.replaceChildren();
    topics.forEach((topic, k) => {
      let best = null;
      variants(topic, size < 12).forEach((text, v) => boxes(centres[k], text, size).forEach((box, at) => {
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
        labels.append(written(best.text, best.box, size));
      }
      centres[k].named = Boolean(best);
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
    const scale = Math.min(width - 2 * margin, (small ? 520 : 620) / report.height);
    const left = (width - scale) / 2, height = scale * report.height + 2 * margin;
    map.setAttribute("viewBox", `0 0 ${width} ${height}`);
    map.style.height = `${height}px`;
    centres = topics.map(({ circle: [x, y, r] }) =>
      ({ x: left + x * scale, y: margin + y * scale, r: Math.max(r * scale, 4) }));
    circles.forEach((circle, k) => {
      circle.setAttribute("cx", centres[k].x);
      circle.setAttribute("cy", centres[k].y);
      circle.setAttribute("r", centres[k].r);
    });
    label({ width, height }, small ? 11 : 12);
    tell(centres[chosen].named ? null : chosen);
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

  /* The words of a topic */

  const slider = byId("lambda");
  const showWords = () => {
    const topic = topics[chosen], weight = Number(slider.value);
    const found = topic.words.map((word, i) => {
      const inside = topic.weights[i], overall = report.overall[word];
      return { word: report.words[word], inside, overall,
        score: Math.log(inside) - (1 - weight) * Math.log(overall) };
    });
    found.sort((one, other) => other.score - one.score);
    const first = found.slice(0, SHOWN);
    const most = Math.max(...first.map((word) => word.overall));
    const width = (share) => `${Math.max(100 * Math.min(share / most, 1), 0.4)}%`;
    byId("words").replaceChildren(...first.map(({ word, inside, overall }) => {
      const own = Math.min(inside * topic.share / overall, 1);
      const bars = make("div", { class: "both" }, make("i"), make("b"));
      bars.children[0].style.width = width(overall);
      bars.children[1].style.width = width(overall * own);
      return make("tr", {}, make("th", { scope: "row" }, word), make("td", { "aria-hidden": "true" }, bars),
        make("td", { class: "n" }, percent(own, 0)), make("td", { class: "n inside" }, percent(inside, 2)));
    }));
    slider.setAttribute("aria-valuetext", fill(said.lambda_is, { value: decimal(weight) }));
    byId("lambda-is").textContent = `λ = ${decimal(weight)}`;
  };
  slider.addEventListener("input", showWords);

  /* Its timeline */

  const mean = (topic) => {
    const all = report.counts.reduce((sum, n) => sum + n, 0);
    return topic.shares.reduce((sum, share, i) => sum + share * report.counts[i], 0) / Math.max(all, 1);
  };
  const ticks = (width) => {
    const found = [];
    let next = -Infinity;
    report.periods.forEach((iso, i) => {
      const x = (i + 0.5) / report.periods.length * width;
      const opens = report.unit === "month" || !i || iso.slice(0, 7) !== report.periods[i - 1].slice(0, 7);
      if (opens && x >= next) {
        found.push([x, date(iso, { month: "short", year: "2-digit" })]);
        next = Math.max(x, 28) + 64;
      }
    });
    return found;
  };
  const showTimeline = () => {
    const topic = topics[chosen], svg = byId("timeline"), n = report.periods.length;
    if (!n) return;
    const width = svg.parentElement.clientWidth, height = 150, top = 16, bottom = 22;
    const most = Math.max(...topic.shares, 1e-6), room = height - top - bottom;
    const y = (share) => height - bottom - share / most * room;
    const slot = width / n;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
    const edge = Math.min(slot * 0.1, 1.5);
    const bars = topic.shares.map((share, i) => draw("rect", { class: "period", x: i * slot + edge, y: y(share),
      width: Math.max(slot - 2 * edge, 0.5), height: height - bottom - y(share) }));
    report.counts.forEach((n, i) => {
      if (n || !report.counts[i - 1] && i) return;
      const end = report.counts.findIndex((later, j) => j > i && later);
      bars.push(draw("rect", { class: "gap", x: i * slot, y: top,
        width: ((end < 0 ? report.counts.length : end) - i) * slot, height: room }));
    });
    const usual = mean(topic);
    svg.replaceChildren(...bars,
      draw("line", { class: "usual", x1: 0, x2: width, y1: y(usual), y2: y(usual) }),
      draw("line", { class: "axis", x1: 0, x2: width, y1: height - bottom, y2: height - bottom }),
      draw("text", { x: 0, y: 11 }, fine(most)),
      ...ticks(width).map(([x, text]) => draw("text", { x: Math.min(Math.max(x, 28), width - 28),
        y: height - 6, "text-anchor": "middle" }, text)));
    const peak = topic.shares.indexOf(Math.max(...topic.shares));
    const summary = fill(said.timeline_is,
      { period: period(report.periods[peak]), share: fine(topic.shares[peak]), usual: fine(usual) });
    svg.setAttribute("aria-label", summary);
    byId("moment").textContent = summary;
    svg.onpointermove = (event) => {
      const i = Math.floor((event.clientX - svg.getBoundingClientRect().left) / slot);
      if (i >= 0 && i < n) byId("moment").textContent = fill(report.counts[i] ? said.moment : said.moment_empty,
        { period: period(report.periods[i]), share: fine(topic.shares[i]), articles: count(report.counts[i]) });
    };
    svg.onpointerleave = () => { byId("moment").textContent = summary; };
    byId("numbers").replaceChildren(...topic.shares.map((share, i) => make("tr", {},
      make("th", { scope: "row" }, period(report.periods[i])),
      make("td", { class: "n" }, report.counts[i] ? fine(share) : "—"),
      make("td", { class: "n" }, count(report.counts[i])))));
  };

  /* Its articles, rubrics and neighbours */

  const showArticles = () => {
    const found = topics[chosen].articles;
    byId("articles").hidden = !found.length;
    byId("article-list").replaceChildren(...found.map((article) => make("li", {},
      make("span", { class: "title" }, article.title || article.id),
      make("span", { class: "dim small" },
        [article.outlet, day(article.date), fill(said.of_article, { share: percent(article.share, 0) })]
          .filter(Boolean).join(" · ")))));
  };
  const showRubrics = () => {
    const found = Object.entries(topics[chosen].rubrics).slice(0, 8);
    byId("rubrics").hidden = !found.length;
    byId("rubric-list").replaceChildren(...found.map(([rubric, share]) => {
      const bar = make("div", { class: "bar" });
      bar.style.width = `${100 * share}%`;
      return make("li", {}, make("span", {}, rubric), make("div", { class: "beside" }, bar,
        make("span", { class: "small dim" }, fine(share))));
    }));
  };
  const showNearest = () => {
    byId("nearest").replaceChildren(...topics[chosen].nearest.map(([id, likeness]) => {
      const k = placeOf.get(id);
      const button = make("button", { type: "button" }, nameOf(topics[k]));
      button.addEventListener("click", () => choose(k));
      return make("li", {}, button, make("span", { class: "small dim" },
        ` ${fill(said.alike, { share: percent(likeness, 0) })}`));
    }));
  };

  /* Choosing */

  const picker = byId("picker");
  const rows = [...document.querySelectorAll("#list tbody tr")];
  const choose = (k, quiet) => {
    const topic = topics[k];
    circles[chosen].setAttribute("aria-selected", "false");
    rows[chosen].removeAttribute("aria-current");
    chosen = k;
    circles.forEach((circle, other) => circle.setAttribute("tabindex", other === k ? 0 : -1));
    circles[k].setAttribute("aria-selected", "true");
    rows[k].setAttribute("aria-current", "true");
    picker.value = topic.id;
    byId("name").textContent = nameOf(topic);
    byId("facts").textContent = [fill(said.facts, { id: topic.id, share: fine(topic.share) }),
      topic.name && topic.label].filter(Boolean).join(" · ");
    showWords();
    showTimeline();
    showArticles();
    showRubrics();
    showNearest();
    rest();
    byId("topic").scrollTop = 0;
    if (quiet) return;
    byId("told").textContent = fill(said.chosen, { name: nameOf(topic), share: fine(topic.share) });
    history.replaceState(null, "", `#topic=${topic.id}`);
    const top = byId("topic").getBoundingClientRect().top;
    if (top < 0 || top > innerHeight * 0.7) byId("topic").scrollIntoView();
  };
  picker.append(...topics.map((topic) => make("option", { value: topic.id }, nameOf(topic))));
  picker.addEventListener("change", () => choose(placeOf.get(Number(picker.value))));
  byId("back").addEventListener("click", () => choose((chosen + topics.length - 1) % topics.length));
  byId("on").addEventListener("click", () => choose((chosen + 1) % topics.length));
  rows.forEach((row, k) => {
    row.addEventListener("click", () => choose(k));
    const spark = row.querySelector("svg"), most = Math.max(...topics[k].shares, 1e-6);
    const n = topics[k].shares.length;
    topics[k].shares.forEach((share, i) => spark.append(draw("rect", { x: i * 100 / n, y: 20 - 20 * share / most,
      width: Math.max(100 / n - 0.4, 0.3), height: 20 * share / most })));
  });
  const fromAddress = () => {
    const wanted = /^#topic=(\d+)$/.exec(location.hash);
    return wanted ? placeOf.get(Number(wanted[1])) : undefined;
  };
  addEventListener("hashchange", () => {
    const k = fromAddress();
    if (k !== undefined) choose(k);
  });

  document.documentElement.classList.add("live");
  lay();
  choose(fromAddress() ?? 0, true);
  let before = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === before) return;
    before = innerWidth;
    lay();
    showTimeline();
  });
})();
