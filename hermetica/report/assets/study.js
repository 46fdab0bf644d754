// The page of a study: rates, factors, the matrix of targets and factors, and what is known of the chosen target.
"use strict";

const results = JSON.parse(document.getElementById("data").textContent);
const SIGNS = { alone: "●", together: "◐", none: "·", unknown: "?", hidden: "?", "left out": "–" };
const STATES = {
  alone: "changes it alone", together: "changes it only together with others", none: "changes nothing",
  unknown: "not known: the builds did not suffice", hidden: "not known: everything races", "left out": "cannot be varied here",
};
const RATES = [
  ["same_world", "Identical when built again in one world", false],
  ["every_world", "Identical in every world that was tried", false],
  ["builds_that_differ_in_one_world", "Builds that differ in one world", true],
];
const LEVELS = ["bitwise", "normalised", "stabilised", "different"];

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function drawn(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// A bar from 0 to 1 with its interval; it is scaled with the page, so heights are in its own units.
function bar(rate) {
  const svg = drawn("svg", { viewBox: "0 0 1000 15", preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(drawn("rect", { class: "back", x: 0, y: 3, width: 1000, height: 9 }));
  if (rate.value !== null) {
    svg.append(drawn("rect", { class: "bar", x: 0, y: 3, width: 1000 * rate.value, height: 9 }));
    const line = { class: "span", "vector-effect": "non-scaling-stroke" };
    svg.append(drawn("line", { ...line, x1: 1000 * rate.low, x2: 1000 * rate.high, y1: 7.5, y2: 7.5 }));
    for (const end of [rate.low, rate.high]) svg.append(drawn("line", { ...line, x1: 1000 * end, x2: 1000 * end, y1: 4.5, y2: 10.5 }));
  }
  return svg;
}

function rateRow(name, rate, worse, more) {
  const value = rate.value === null ? "of nothing" : `${count(rate.hits)} of ${count(rate.total)}   ${percent(rate.value)}`;
  const range = rate.value === null ? "" : `95 %: ${percent(rate.low)} to ${percent(rate.high)}`;
  return element(`div.rate${worse && rate.hits ? ".worse" : ""}`, { title: range },
    element("span.name", {}, name), bar(rate), element("span.value", {}, value), element("span.more.soft", {}, more || range));
}

function p(value) {
  return value < 0.0001 ? "p < 0.0001" : `p = ${value.toFixed(4)}`;
}

function showRates() {
  const place = document.getElementById("rate-rows");
  for (const [key, name, worse] of RATES) place.append(rateRow(name, results.rates[key], worse));
  const head = element("tr", {}, element("th", {}, ""), ...LEVELS.map(level => element("th", { scope: "col" }, level)));
  const rows = [["same_world", "in one world"], ["every_world", "over all worlds"]].map(([key, name]) =>
    element("tr", {}, element("th", { scope: "row" }, name), ...LEVELS.map(level => element("td", {}, count(results.alike[key][level] || 0)))));
  document.getElementById("alike-rows").append(element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
  const factors = [...results.factors].sort((one, other) => other.targets.hits - one.targets.hits);
  const acting = factors.filter(row => row.targets.hits), idle = factors.filter(row => !row.targets.hits);
  document.getElementById("factor-rows").append(...acting.map(factorRow));
  if (idle.length) {
    const summary = element("summary", {}, `${many(idle.length, "factor")} ${acting.length ? "more, " : ""}not known to change any target`);
    document.getElementById("factor-rows").append(element("details", {}, summary, ...idle.map(factorRow)));
  }
}

function factorRow(row) {
  const small = row.too_small ? "too few targets to tell from chance" : `McNemar ${p(row.mcnemar_holm)}${row.fisher_holm === null ? "" : `, Fisher ${p(row.fisher_holm)}`}`;
  return rateRow(row.factor, row.targets, true, small);
}

function verdict(target) {
  if (target.state !== "finished") return ["bad", target.state];
  const changes = target.races || Object.values(target.factors).some(cell => cell.state === "alone" || cell.state === "together");
  if (changes) return ["bad", "changes"];
  return target.verdict && !target.verdict.complete ? ["soft", "not known"] : ["good", "reproducible"];
}

// What all names begin with, up to a colon, says nothing in a column of them.
const SHARED = (() => {
  const names = results.targets.map(each => each.target);
  const start = names.length > 1 ? names[0].slice(0, names[0].indexOf(":") + 1) : "";
  return names.every(name => name.startsWith(start)) ? start.length : 0;
})();

class Matrix {
  constructor() {
    this.rows = results.targets.map((target, number) => ({ target, number, row: this.row(target, number) }));
    this.chosen = -1;
    const names = results.factors.map(each => each.factor);
    const head = element("tr", {}, element("th", {}, "target"), element("th", {}, ""),
      ...["race", ...names].map(name => element("th", { scope: "col", title: name }, element("span", {}, name))));
    const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...this.rows.map(each => each.row)));
    const place = document.getElementById("cells");
    place.append(table);
    place.addEventListener("keydown", event => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) { event.preventDefault(); this.step(step); }
    });
  }

  row(target, number) {
    const [mood, text] = verdict(target);
    const cells = results.factors.map(({ factor }) => {
      const cell = target.factors[factor] || { state: "unknown", builds: 0, differing: 0, files: 0 };
      const alone = cell.builds ? `; alone, ${cell.differing} of ${many(cell.builds, "build")} differ` : "";
      return element("td", { "data-state": cell.state, title: `${factor}: ${STATES[cell.state]}${alone}` }, SIGNS[cell.state]);
    });
    const race = element("td", { "data-state": target.races ? "alone" : "none", title: target.races ? "differs from build to build in one world" : "no race was seen" }, target.races ? SIGNS.alone : SIGNS.none);
    const made = element("tr", { onclick: () => this.select(number) },
      element("th", { scope: "row", title: target.target }, target.target.slice(SHARED)), element(`td.verdict.${mood}`, {}, text), race, ...cells);
    return made;
  }

  shown() {
    return this.rows.filter(each => !each.row.hidden);
  }

  step(by) {
    const shown = this.shown();
    if (!shown.length) return;
    const at = shown.findIndex(each => each.number === this.chosen);
    const next = shown[Math.max(0, Math.min(shown.length - 1, at + by))];
    this.select(next.number);
    next.row.scrollIntoView({ block: "nearest" });
  }

  select(number) {
    for (const each of this.rows) each.row.setAttribute("aria-selected", String(each.number === number));
    this.chosen = number;
    showDetails(results.targets[number]);
  }

  filter(text) {
    const wanted = text.toLowerCase();
    for (const each of this.rows) each.row.hidden = !each.target.target.toLowerCase().includes(wanted);
    const shown = this.shown().length;
    document.getElementById("found").textContent = shown === this.rows.length ? many(shown, "target") : `${count(shown)} of ${many(this.rows.length, "target")}`;
  }
}

function cause(levels) {
  const names = Object.entries(levels).map(([factor, level]) => `${factor} (${level})`);
  return names.length === 1 ? names[0] : `${names.slice(0, -1).join(", ")} and ${names.at(-1)} together`;
}

function why(file) {
  if (file.races) return "from build to build in one world";
  if (file.causes.length) return `with ${file.causes.map(cause).join("; or with ")}`;
  const suspects = file.suspects.map((each) => each.join(" and ")).join(" or from ");
  return `with something that was not found${suspects && `; all builds would follow from ${suspects}`}`;
}

function locus(found) {
  const inside = found.inside.map(([kind, name]) => `${kind} ${name}`).join(" > ");
  const point = { bytes: "byte", line: "line", order: "order, from line" }[found.what];
  const at = point && found.place !== null ? `${point} ${count(found.place)}` : found.what;
  return element("div.locus", {}, element("div.was", {}, inside ? `${inside}: ${at}` : at), element("div", {}, `− ${found.first}`), element("div", {}, `+ ${found.second}`));
}

function lociOf(file) {
  const seen = file.causes.map((levels, number) => [levels, file.loci_by_cause[number]]).filter(([, loci]) => loci.length);
  if (file.causes.length < 2 || !seen.length) return file.loci.slice(0, 8).map(locus);
  return seen.flatMap(([levels, loci]) => [element("p.soft", {}, `with ${cause(levels)}`), ...loci.slice(0, 3).map(locus)]);
}

function showDetails(target) {
  const place = document.getElementById("details");
  const parts = [element("h2", {}, target.target), element("p.soft", {}, `${many(target.builds, "build")}, ${seconds(target.seconds)}${target.tier ? `, tier ${target.tier}` : ""}`)];
  const found = target.verdict;
  if (target.error) parts.push(element("p.bad", {}, target.error));
  if (found) {
    if (!found.files.length && !found.failed) parts.push(element("p", {}, `Nothing that was varied changes any of its ${many(found.examined, "file")}.`));
    for (const file of found.files.slice(0, 60)) {
      parts.push(element("p.file", {}, file.path), element("p.soft", {}, `changes ${why(file)}`), ...lociOf(file));
      if (file.writer) parts.push(element("p.soft", {}, "written by ", element("code", {}, file.writer)));
      if (file.diffoscope) parts.push(element("details", {}, element("summary", {}, "what diffoscope says"), element("pre.locus", {}, file.diffoscope)));
    }
    if (found.files.length > 60) parts.push(element("p.soft", {}, `and ${many(found.files.length - 60, "file")} more; the JSON has all`));
    if (!found.complete) parts.push(element("p.soft", {}, "There may be more causes: the builds did not suffice to look for all."));
    if (found.advice.length) parts.push(element("h3", {}, "What to do"), element("ul", {}, ...found.advice.map(each => element("li", {}, element("strong", {}, each.title), element("p.soft", {}, each.fix)))));
  }
  const left = Object.entries(target.left_out);
  if (left.length) parts.push(element("h3", {}, "Not varied"), ...left.map(([name, reason]) => element("p.soft", {}, `${name}: ${reason}`)));
  place.replaceChildren(...parts);
  place.scrollTop = 0;
}

const METHOD = [
  "Rates are proportions with 95 % Wilson score intervals. A target that cannot be built in the base world, and a factor that could not be varied, are in no denominator.",
  "McNemar's exact test is over targets as pairs: built again in the base world, and with the factor varied alone; files that race are left out of both. It is two-sided, and adjusted by Holm's procedure for the number of factors.",
];
const OF_DESIGNS = {
  bisect: "Which worlds were built depended on what earlier ones gave, so that builds are no sample, and Fisher's test is not made.",
  ofat: "Factors were varied one at a time, in an order drawn by lot: what only several change together was not looked for. Fisher's exact test is over builds, races included.",
  pairwise: "Not all worlds were built: causes are told where the builds suffice to prove them. Fisher's exact test is over builds, races included.",
  full: "Every combination was built, in an order drawn by lot. Fisher's exact test is over builds, races included.",
};

function showMade() {
  const place = document.getElementById("made-rows");
  for (const host of results.hosts) {
    const facts = Object.entries(host).filter(([, value]) => value !== "").map(([name, value]) =>
      element("div", {}, element("dt", {}, name.replace("_bytes", "").replaceAll("_", " ")), element("dd", {}, name.endsWith("_bytes") ? bytes(value) : String(value))));
    place.append(element("dl", {}, ...facts));
  }
  if (results.machines > 1) place.append(element("p", {}, `Builds of ${count(results.machines)} machines count alike: a difference between them shows as a race.`));
  place.append(...[...METHOD, OF_DESIGNS[results.study.design]].filter(Boolean).map(text => element("p", {}, text)));
  const fixed = Object.entries(results.fixed).map(([factor, level]) => `${factor} ${level}`).join(", ");
  if (fixed) place.append(element("p", {}, `The base world, as far as a tier fixes it: ${fixed}.`));
  if (results.study.name) place.append(element("details", {}, element("summary", {}, "the declaration, for hermetica study run"), element("pre", { tabindex: 0 }, results.declaration)));
}

function begin() {
  const study = results.study;
  document.getElementById("when").textContent = results.began_s ? new Date(1000 * results.began_s).toISOString().slice(0, 16).replace("T", " ") + " UTC" : "";
  const figures = [["targets", count(results.targets.length)], ["builds", count(results.builds)], ["building", seconds(results.seconds)], ["design", study.design || ""], ["compared", study.compare || ""], ["hermetica", [...new Set(results.hosts.map(each => each.hermetica))].join(", ")]];
  document.getElementById("figures").append(...figures.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
  showRates();
  showMade();
  const matrix = new Matrix();
  const search = document.getElementById("search");
  search.addEventListener("input", () => matrix.filter(search.value));
  document.addEventListener("keydown", event => {
    if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); }
    if (event.key === "Escape" && document.activeElement === search) { search.value = ""; matrix.filter(""); search.blur(); }
  });
  matrix.filter("");
  if (results.targets.length) matrix.select(Math.max(0, results.targets.findIndex(each => verdict(each)[0] === "bad")));
  globalThis.matrix = matrix;
  document.documentElement.dataset.ready = "yes";
}

begin();
