// Puts the page together: reads the data, makes the views, and lets one selection and one search go through all of them.
"use strict";

function read() {
  const report = JSON.parse(byId("data").textContent);
  const critical = new Set(report.critical);
  const ranks = ["failed", "timed-out", "not-reproducible", "unfinished", "cancelled", "dependency-failed", "built", "reproduced", "fetched", "substituted", "cached"];
  report.tasks = report.tasks.map((row, number) => {
    const task = Object.fromEntries(report.columns.map((column, index) => [column, row[index]]));
    task.number = number;
    task.critical = critical.has(number);
    task.took_s = task.started_s === null || task.ended_s === null ? null : task.ended_s - task.started_s;
    task.rank = -ranks.indexOf(task.state);
    task.users = [];
    task.sought = `${task.name} ${task.drv} ${task.origin || ""} ${task.why}`.toLowerCase();
    return task;
  });
  for (const task of report.tasks) for (const input of task.inputs) report.tasks[input].users.push(task.number);
  return report;
}

const RESULTS = {succeeded: ["✓", "succeeded"], failed: ["✗", "failed"], unfinished: ["…", "unfinished"], cancelled: ["–", "cancelled"]};

class Page {
  constructor(report) {
    this.report = report;
    this.chosen = -1;
    this.views = [];
    this.head();
    const choose = (number, bring) => this.select(number, bring);
    this.details = new Details(byId("details"), report, choose);
    this.details.show(null);
    this.failures();
    const {tasks} = report;
    if (tasks.length) {
      this.timeline = new Timeline(byId("timeline-view"), report, number => this.select(number), (number, x, y) => this.tip("timeline", tasks[number], x, y));
      this.table = new Table(byId("table"), tasks, choose);
      this.views.push(this.timeline, this.table);
      this.later("graph", () => this.graph(choose));
    } else for (const id of ["timeline", "derivations", "graph"]) this.hide(id);
    if (report.closure.length) this.later("closure", () => this.closure());
    else this.hide("closure");
    byId("empty").hidden = tasks.length > 0;
    byId("empty").textContent = `Nothing had to be done: all ${many(report.reused, "derivation")} were in the store.`;
    this.search();
  }

  hide(id) {
    byId(id).hidden = true;
    const link = document.querySelector(`nav a[href="#${id}"]`);
    if (link) link.hidden = true;
  }

  // later: makes a view when it is about to be seen.
  later(id, make) {
    const section = byId(id);
    const watch = new IntersectionObserver(seen => {
      if (!seen.some(each => each.isIntersecting)) return;
      watch.disconnect();
      make();
    }, {rootMargin: "200px"});
    watch.observe(section);
    addEventListener("beforeprint", () => { watch.disconnect(); if (!section.dataset.made) make(); });
  }

  head() {
    const {report} = this;
    const [mark, word] = RESULTS[report.result];
    byId("result").append(element("i", {"aria-hidden": "true"}, mark), ` ${word}`);
    byId("result").dataset.result = report.result;
    const began = new Date(report.began_s * 1000);
    const when = new Intl.DateTimeFormat("en", {dateStyle: "full", timeStyle: "medium"}).format(began);
    byId("when").append(element("time", {datetime: began.toISOString()}, when), ` · took ${seconds(report.duration_s)}`, report.jobs ? ` · ${report.jobs} at once` : "");
    const figures = Object.entries(report.counts).map(([state, number]) => this.figure(stateOf(state), count(number), `is:${state}`));
    if (report.reused) figures.push(this.figure("reused", count(report.reused)));
    if (report.critical.length) {
      const share = report.duration_s ? Math.round(100 * report.critical_s / report.duration_s) : 100;
      figures.push(this.figure("◆ critical path", `${seconds(report.critical_s)} (${share} %)`, "is:critical"));
      figures.push(this.figure("work", `${seconds(report.work_s)}${report.duration_s ? `, ×${(report.work_s / report.duration_s).toFixed(1)}` : ""}`));
    }
    if (report.made_bytes) figures.push(this.figure("made", bytes(report.made_bytes)));
    byId("figures").append(...figures);
    byId("warnings").append(...report.warnings.map(text => element("li", {}, element("b", {}, "warning: "), text)));
  }

  figure(label, value, filter) {
    const shown = filter
      ? element("button", {type: "button", title: `show these in the table: ${filter}`, onclick: () => this.find(filter)}, value)
      : value;
    return element("div", {}, element("dt", {}, label), element("dd", {}, shown));
  }

  failures() {
    const failed = this.report.tasks.filter(task => BAD.has(task.state));
    if (!failed.length) {
      this.hide("failures");
      return;
    }
    const left = this.report.counts["dependency-failed"];
    byId("failures").append(...failed.slice(0, 50).map(task => {
      const text = task.log || (task.error && task.error.log_tail) || "";
      const tail = text.split("\n").slice(-8).join("\n");
      return element("article", {}, element("h3", {}, element("button", {type: "button", onclick: () => this.select(task.number, true)}, stateOf(task.state), " ", task.name),
        task.origin ? element("code.soft", {}, task.origin) : ""), task.error ? this.details.error(task.error) : "", tail ? element("pre.log", {tabindex: 0}, tail) : "");
    }), failed.length > 50 ? element("p", {}, `and ${count(failed.length - 50)} more, in the table`) : "",
    left ? element("p.soft", {}, `${many(left, "derivation")} ${left === 1 ? "was" : "were"} not tried because an input failed.`) : "");
  }

  graph(choose) {
    byId("graph").dataset.made = "yes";
    const nodes = this.report.tasks.map(task => ({
      name: task.name, kind: task.work, bad: BAD.has(task.state), column: task.column, row: task.row,
      hollow: task.started_s === null || task.state === "cached",
    }));
    const edges = this.report.tasks.flatMap(task => task.inputs.map(input => [task.number, input]));
    this.drawing = new GraphView(byId("graph-view"), nodes, edges, {onselect: choose, strong: this.report.critical});
    this.views.push(this.drawing);
    this.drawing.filter(this.wanted || null);
    if (this.chosen >= 0) this.drawing.select(this.chosen, false);
  }

  closure() {
    byId("closure").dataset.made = "yes";
    const makers = new Map();
    for (const task of this.report.tasks) for (const path of Object.values(task.outputs)) if (task.started_s !== null) makers.set(path, task.number);
    this.objects = this.report.closure.map(([path, size, asked]) => ({
      path, name: path.replace(/^.*\//, "").replace(/^\w{20,}-/, ""), bytes: size, asked, task: makers.has(path) ? makers.get(path) : -1,
    }));
    const total = this.objects.reduce((sum, object) => sum + object.bytes, 0);
    byId("closure-size").textContent = `${many(this.objects.length, "object")}, ${bytes(total)}`;
    this.treemap = new Treemap(byId("closure-view"), this.objects, number => this.object(number), (number, x, y) => this.tip("closure", this.objects[number], x, y));
    byId("largest").append(...this.objects.slice(0, 10).map((object, number) => element("li", {},
      element("button", {type: "button", onclick: () => this.object(number)}, object.name), element("span.soft", {}, ` ${bytes(object.bytes)}, ${Math.round(100 * object.bytes / (total || 1))} %`))));
    this.total = total;
  }

  // object: one of the closure; where this run made it, its derivation is selected.
  object(number) {
    const object = this.objects[number];
    if (!object) {
      this.select(-1);
      return;
    }
    if (object.task >= 0) this.select(object.task, true);
    else {
      this.select(-1);
      byId("details").replaceChildren(element("h2", {}, object.name), element("p.soft", {}, "was in the store before this run"), element("dl", {},
        element("dt", {}, "size"), element("dd", {}, `${bytes(object.bytes)}, ${(100 * object.bytes / (this.total || 1)).toFixed(1)} % of the closure`), element("dt", {}, "path"), element("dd", {}, element("code", {}, object.path))));
    }
    this.treemap.select(number);
  }

  tip(where, thing, x, y) {
    const tip = byId(`${where}-tip`);
    tip.hidden = !thing;
    if (!thing) return;
    tip.textContent = where === "closure" ? `${thing.name}  ${bytes(thing.bytes)}` : `${thing.name}  ${seconds(thing.took_s)}  ${spoken(thing.state)}${thing.critical ? "  ◆ critical path" : ""}`;
    const room = tip.parentElement.clientWidth - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(0, Math.min(room, x + 12))}px`;
    tip.style.top = `${y + 18}px`;
  }

  select(number, bring) {
    this.chosen = number;
    const task = this.report.tasks[number] || null;
    this.details.show(task);
    document.body.dataset.chosen = task ? task.name : "";
    for (const view of this.views) view.select(number, view === this.table || bring || false);
    if (this.treemap) this.treemap.select(task ? this.objects.findIndex(object => object.task === number) : -1);
  }

  search() {
    const field = byId("search");
    field.addEventListener("input", () => this.find(field.value, true));
    addEventListener("keydown", event => {
      const typing = event.target.matches("input");
      if (event.key === "/" && !typing) {
        event.preventDefault();
        field.focus();
        field.select();
      } else if (event.key === "Escape" && typing) this.find("");
      else if (event.key === "Escape") this.select(-1);
    });
    this.find("");
  }

  find(text, typed) {
    if (!typed) byId("search").value = text;
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (task, word) => {
      if (!word.startsWith("is:")) return task.sought.includes(word);
      const state = word.slice(3);
      return task.state === state || task.work === state || state === "critical" && task.critical;
    };
    const {tasks} = this.report;
    const found = words.length ? tasks.filter(task => words.every(word => fits(task, word))) : tasks;
    byId("found").textContent = words.length ? `${count(found.length)} of ${many(tasks.length, "derivation")}` : many(tasks.length, "derivation");
    this.wanted = words.length ? new Set(found.map(task => task.number)) : null;
    for (const view of this.views) if (view.filter) view.filter(this.wanted);
    if (this.table) this.table.show(found);
    if (!typed && text && this.table) byId("derivations").scrollIntoView({block: "nearest"});
  }
}

const page = new Page(read());
addEventListener("beforeprint", () => {
  document.documentElement.dataset.print = "yes";
  if (page.table) page.table.draw(true);
  palette = null;
  if (page.drawing) page.drawing.complete();
  for (const surface of Surface.all) surface.draw();
});
addEventListener("afterprint", () => {
  delete document.documentElement.dataset.print;
  if (page.table) page.table.select(page.chosen, false);
  repaint();
});
document.documentElement.dataset.ready = String(Math.round(performance.now()));
