// Every derivation as a row; only the rows that can be seen are in the page.
"use strict";

const ROW_PX = 26;
const SLACK_ROWS = 8;
const PRINTED_ROWS = 400;

class Table {
  static COLUMNS = [
    {key: "state", label: "state", of: task => task.rank, cell: task => stateOf(task.state)},
    {key: "name", label: "derivation", of: task => task.name, cell: task => element("span", {title: task.name}, task.name)},
    {key: "why", label: "why", of: task => task.why, cell: task => element("span.soft", {title: task.why}, task.why)},
    {key: "began", label: "began", of: task => task.started_s, number: true, cell: task => (task.started_s === null ? "" : seconds(task.started_s))},
    {key: "took", label: "took", of: task => task.took_s, number: true, cell: task => Table.took(task)},
    {key: "before", label: "before", of: task => task.expected_s, number: true, cell: task => (task.expected_s === null ? "" : element("span.soft", {}, seconds(task.expected_s)))},
    {key: "size", label: "size", of: task => task.size_bytes || null, number: true, cell: task => (task.size_bytes ? bytes(task.size_bytes) : "")},
  ];

  static took(task) {
    if (task.took_s === null) return "";
    return task.critical ? element("b", {title: "on the critical path"}, "◆ ", seconds(task.took_s)) : seconds(task.took_s);
  }

  constructor(place, tasks, onselect) {
    this.tasks = tasks;
    this.rows = tasks;
    this.chosen = -1;
    this.order = null;
    this.onselect = onselect;
    this.scroller = place;
    const isBefore = tasks.some(task => task.expected_s !== null);
    this.columns = Table.COLUMNS.filter(column => column.key !== "before" || isBefore);
    this.heads = this.columns.map(column => {
      const button = element("button", {type: "button", onclick: () => this.sort(column)}, column.label);
      return element(column.number ? "th.number" : "th", {scope: "col", class: `c-${column.key}${column.number ? " number" : ""}`}, button);
    });
    this.above = element("tr", {"aria-hidden": "true"}, element("td", {colspan: this.columns.length}));
    this.below = element("tr", {"aria-hidden": "true"}, element("td", {colspan: this.columns.length}));
    this.body = element("tbody");
    this.table = element("table", {role: "grid", "aria-label": "derivations", "aria-colcount": this.columns.length}, element("thead", {}, element("tr", {"aria-rowindex": 1}, this.heads)), this.body);
    place.append(this.table);
    place.addEventListener("scroll", () => this.ask(), {passive: true});
    place.addEventListener("keydown", event => this.key(event));
    this.body.addEventListener("click", event => {
      const row = event.target.closest("tr[data-number]");
      if (row) this.onselect(Number(row.dataset.number));
    });
    this.show(tasks);
  }

  // sort: ascending, descending, and as they were planned again.
  sort(column) {
    const falls = column.number || column.key === "state";
    const turns = falls ? ["descending", "ascending"] : ["ascending", "descending"];
    const turn = this.order && this.order.column === column ? turns.indexOf(this.order.way) + 1 : 0;
    this.order = turn < 2 ? {column, way: turns[turn]} : null;
    for (const [number, each] of this.columns.entries()) {
      const isIt = this.order && this.order.column === each;
      if (isIt) this.heads[number].setAttribute("aria-sort", this.order.way);
      else this.heads[number].removeAttribute("aria-sort");
    }
    this.show(this.unsorted);
  }

  show(tasks) {
    this.unsorted = tasks;
    this.rows = tasks;
    if (this.order) {
      const {column, way} = this.order;
      const sign = way === "ascending" ? 1 : -1;
      const compare = (one, other) => {
        const [a, b] = [column.of(one), column.of(other)];
        if (a === null || b === null) return (a === null) - (b === null);
        return sign * (a < b ? -1 : a > b ? 1 : 0);
      };
      this.rows = [...tasks].sort(compare);
    }
    this.table.setAttribute("aria-rowcount", this.rows.length + 1);
    this.scroller.scrollTop = 0;
    this.drawn = null;
    this.ask();
  }

  select(number, bring) {
    this.chosen = number;
    this.drawn = null;
    const index = bring ? this.rows.findIndex(task => task.number === number) : -1;
    if (index >= 0) {
      const [top, room] = [index * ROW_PX, this.scroller.clientHeight - 2 * ROW_PX];
      if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
      else if (top > this.scroller.scrollTop + room) this.scroller.scrollTop = top - room;
    }
    this.ask();
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => this.draw());
  }

  draw(every) {
    this.asked = false;
    const first = every ? 0 : Math.max(0, Math.floor(this.scroller.scrollTop / ROW_PX) - SLACK_ROWS);
    const shown = every ? PRINTED_ROWS : Math.ceil((this.scroller.clientHeight || 400) / ROW_PX) + 2 * SLACK_ROWS;
    const last = Math.min(this.rows.length, first + shown);
    if (this.drawn === `${first}-${last}`) return;
    this.drawn = every ? null : `${first}-${last}`;
    this.above.firstChild.style.height = `${first * ROW_PX}px`;
    this.below.firstChild.style.height = `${every ? 0 : (this.rows.length - last) * ROW_PX}px`;
    const rows = this.rows.slice(first, last).map((task, index) => this.row(task, first + index));
    this.body.replaceChildren(this.above, ...rows, this.below);
    const chosen = byId(`row-${this.chosen}`);
    if (chosen) this.table.setAttribute("aria-activedescendant", chosen.id);
    else this.table.removeAttribute("aria-activedescendant");
  }

  row(task, index) {
    const isChosen = task.number === this.chosen;
    return element("tr", {
      id: `row-${task.number}`, "data-number": task.number, "aria-rowindex": index + 2, "aria-selected": String(isChosen),
      class: BAD.has(task.state) ? "bad" : null,
    }, this.columns.map(column => element("td", {class: `c-${column.key}${column.number ? " number" : ""}`}, column.cell(task))));
  }

  key(event) {
    if (event.target.tagName === "BUTTON" || !this.rows.length) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW_PX) - 2);
    const at = this.rows.findIndex(task => task.number === this.chosen);
    const to = {ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: this.rows.length - 1}[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.onselect(this.rows[Math.min(this.rows.length - 1, Math.max(0, to))].number, true);
  }
}

function stateOf(state) {
  return element("span.state", {"data-state": state}, element("i", {"aria-hidden": "true"}, MARKS[state] || "?"), ` ${spoken(state)}`);
}
