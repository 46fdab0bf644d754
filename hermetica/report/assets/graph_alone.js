// One graph on a page of its own.
"use strict";

class Alone {
  constructor({nodes, edges}) {
    this.nodes = nodes.map(([name, kind, there, size, origin, column, row]) => ({name, kind, hollow: !there, size, origin, column, row, bad: false}));
    this.edges = edges;
    this.drawing = new GraphView(byId("view"), this.nodes, edges, {onselect: (number, bring) => this.select(number, bring), eager: true, inset: 330});
    const field = byId("find");
    field.addEventListener("input", () => this.find(field.value.trim().toLowerCase()));
    field.addEventListener("keydown", event => {
      if (event.key === "Enter") this.next();
      if (event.key === "Escape") field.value = "";
      if (event.key === "Escape") this.find("");
    });
    addEventListener("keydown", event => {
      if (event.key !== "/" || event.target === field) return;
      event.preventDefault();
      field.focus();
    });
    this.select(-1);
  }

  find(wanted) {
    this.found = [];
    if (wanted) for (const [number, node] of this.nodes.entries()) if (node.name.toLowerCase().includes(wanted)) this.found.push(number);
    const begins = number => Number(!this.nodes[number].name.toLowerCase().startsWith(wanted));
    this.found.sort((one, other) => begins(one) - begins(other) || other - one);
    this.drawing.filter(wanted ? new Set(this.found) : null);
    this.select(this.found.length ? this.found[0] : -1, true);
    if (wanted && !this.found.length) byId("about").textContent = "no such name";
  }

  // next: the one after what is chosen, of what was found.
  next() {
    if (!this.found || !this.found.length) return;
    this.select(this.found[(this.found.indexOf(this.drawing.chosen) + 1) % this.found.length], true);
  }

  select(number, bring) {
    this.drawing.select(number, bring);
    const about = byId("about");
    if (number < 0) {
      about.replaceChildren(`${many(this.nodes.length, "node")}, ${many(this.edges.length, "edge")}. What needs something is above it; what is not in the store is dashed. Drag to move, scroll to zoom, click a node for what it needs and what needs it.`, this.legend());
      return;
    }
    const node = this.nodes[number];
    const rows = [["kind", `${node.kind}, ${node.hollow ? "not in the store" : "in the store"}`]];
    if (node.size !== null) rows.push(["size", `${bytes(node.size)}`]);
    if (node.origin) rows.push(["defined at", node.origin]);
    rows.push(["needs", this.counted(number, this.drawing.uses)], ["needed by", this.counted(number, this.drawing.users)]);
    const among = this.found && this.found.length > 1 ? element("p.soft", {}, `one of ${count(this.found.length)} found; Enter goes to the next`) : "";
    about.replaceChildren(element("b", {}, node.name), element("dl", {}, rows.flatMap(([label, value]) => [element("dt", {}, label), element("dd", {}, value)])), among || "");
  }

  legend() {
    const kinds = new Map();
    for (const node of this.nodes) kinds.set(node.kind, (kinds.get(node.kind) || 0) + 1);
    return element("ul", {}, [...kinds].map(([kind, number]) => element("li", {}, element("i", {class: kind}), `${kind}, ${count(number)}`)));
  }

  counted(number, next) {
    return `${count(next[number].length)} directly, ${count(this.drawing.reach(number, next).size)} altogether`;
  }
}

const page = new Alone(JSON.parse(byId("data").textContent));
document.documentElement.dataset.ready = String(Math.round(performance.now()));
