/* The page: words and numbers, and all that is shown of the topic that a reader chose; goes behind map.js. */
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
  const apart = (before, after) => {
    let digits = Math.min(before, after) < 0.0995 ? 1 : 0;
    while (digits < 4 && percent(before, digits) === percent(after, digits)) digits += 1;
    return { before: percent(before, digits), after: percent(after, digits) };
  };
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

  const LABEL = 76; /* pixels of «нояб. 1999» */
  const ENOUGH = 10; /* articles: what fewer are about is chance */
  const mean = (topic) => {
    const all = report.counts.reduce((sum, n) => sum + n, 0);
    return topic.shares.reduce((sum, share, i) => sum + share * report.counts[i], 0) / Math.max(all, 1);
  };
  const ticks = (width) => {
    const found = [];
    let next = -Infinity;
    report.periods.forEach((iso, i) => {
      const middle = (i + 0.5) / report.periods.length * width;
      const x = Math.min(Math.max(middle, LABEL / 2), width - LABEL / 2);
      const opens = report.unit === "month" || !i || iso.slice(0, 7) !== report.periods[i - 1].slice(0, 7);
      if (opens && x >= next) {
        found.push([x, `${date(iso, { month: "short" })} ${iso.slice(0, 4)}`]);
        next = x + LABEL;
      }
    });
    return found;
  };
  const showTimeline = () => {
    const topic = topics[chosen], svg = byId("timeline"), n = report.periods.length;
    if (!n) return;
    const width = svg.parentElement.clientWidth, height = 150, top = 16, bottom = 22;
    const full = topic.shares.map((share, i) => (report.counts[i] >= ENOUGH ? share : 0));
    const told = full.some((share) => share) ? full : topic.shares;
    const most = Math.max(...told, 1e-6), room = height - top - bottom;
    const y = (share) => height - bottom - Math.min(share / most, 1) * room;
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
      ...ticks(width).map(([x, text]) => draw("text", { x,
        y: height - 6, "text-anchor": "middle" }, text)));
    const peak = told.indexOf(Math.max(...told));
    const summary = fill(said.timeline_is, { period: period(report.periods[peak]),
      share: fine(topic.shares[peak]), articles: count(report.counts[peak]), usual: fine(usual) });
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

  const showChange = () => {
    const change = topics[chosen].change;
    byId("change").hidden = !change;
    byId("change").textContent = change ? fill(said[change.direction],
      { ...apart(change.before, change.after), since: period(change.since) }) : "";
  };

  /* Its articles, rubrics and neighbours */

  const showArticles = (found, section, list) => {
    section.hidden = !found.length;
    list.replaceChildren(...found.map((article) => make("li", {},
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
    rows[chosen].removeAttribute("aria-current");
    chosen = k;
    map.mark(k);
    rows[k].setAttribute("aria-current", "true");
    picker.value = topic.id;
    byId("name").textContent = nameOf(topic);
    byId("facts").textContent = [fill(said.facts, { id: topic.id, share: fine(topic.share) }),
      topic.name && topic.label].filter(Boolean).join(" · ");
    showWords();
    showTimeline();
    showChange();
    showArticles(topic.articles, byId("articles"), byId("article-list"));
    showArticles(topic.carriers, byId("carriers"), byId("carrier-list"));
    showRubrics();
    showNearest();
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
  const map = atlas(byId("map"), topics, report.height, { draw, nameOf, choose,
    describe: (topic) => fill(said.circle, { name: nameOf(topic), share: fine(topic.share) }) });
  choose(fromAddress() ?? 0, true);
  let before = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === before) return;
    before = innerWidth;
    map.lay();
    showTimeline();
  });
})();
