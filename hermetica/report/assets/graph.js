// A graph in layers. While it is moved, the last picture moves, which is larger than what is seen of it; a new one is
// drawn beside it when the move is over or the picture ends, a slice each frame, and takes its place when it is whole. A
// slice is as long as frames allow: so a frame costs the same at fifty nodes and at ten thousand, on any machine.
"use strict";

class GraphView {
  static WIDE = 150;
  static HIGH = 46;
  static BOX = 132;
  static TALL = 28;
  static MARGIN = 0.25;
  static SLICE_MS = [0.5, 8];
  static FRAME_MS = 22;
  static REST_MS = 120;

  // nodes: [{name, kind, hollow, bad, column, row}]; edges: [[user, used]]; strong: a path to be marked, from what is needed first.
  constructor(canvas, nodes, edges, {onselect, strong = [], eager = false, inset = 0}) {
    this.nodes = nodes;
    this.edges = edges;
    this.onselect = onselect;
    this.strong = new Set(strong);
    this.after = new Map(strong.slice(1).map((number, index) => [number, strong[index]]));
    this.inset = inset;
    this.uses = nodes.map(() => []);
    this.users = nodes.map(() => []);
    for (const [user, used] of edges) {
      this.uses[user].push(used);
      this.users[used].push(user);
    }
    for (const node of nodes) {
      node.x = node.column * GraphView.WIDE / 2;
      node.y = node.row * GraphView.HIGH;
    }
    this.view = {left: 0, top: 0, scale: 1};
    this.chosen = -1;
    this.near = new Map();
    this.wanted = null;
    this.picture = null;
    this.job = null;
    this.fitted = false;
    this.surface = new Surface(canvas, (pen, width, height) => this.paint(pen, width, height));
    this.surface.onresize = () => {
      if (!this.fitted) this.fit();
      this.stale();
    };
    this.slice = 4;
    this.moved = -Infinity;
    this.last = 0;
    gestures(canvas, {
      pan: (dx, dy) => this.pan(dx, dy),
      zoom: (factor, x, y) => this.zoom(factor, x, y),
      press: (x, y) => this.onselect(this.at(x, y)),
      eager,
    });
    canvas.addEventListener("keydown", event => this.key(event));
    canvas.addEventListener("focus", () => { if (this.chosen < 0) this.surface.ask(); });
  }

  fit() {
    const {width, height} = this.surface;
    if (!width || !height || !this.nodes.length) return;
    let [low, high, deep] = [Infinity, -Infinity, 0];
    for (const node of this.nodes) {
      low = Math.min(low, node.x);
      high = Math.max(high, node.x);
      deep = Math.max(deep, node.y);
    }
    const free = width > 800 ? this.inset : 0;
    const [wide, tall] = [high - low + GraphView.WIDE, deep + 3 * GraphView.TALL];
    const scale = Math.min(1.2, (width - free) / wide, height / tall);
    this.view = {
      scale,
      left: low - GraphView.WIDE / 2 - ((width - free) / scale - wide) / 2 - free / scale,
      top: -1.5 * GraphView.TALL - (height / scale - tall) / 2,
    };
    this.fitted = true;
    this.stale();
  }

  pan(dx, dy) {
    this.view.left -= dx / this.view.scale;
    this.view.top -= dy / this.view.scale;
    this.moved = performance.now();
    this.stale();
  }

  zoom(factor, x, y) {
    const {view} = this;
    const [fixedX, fixedY] = [view.left + x / view.scale, view.top + y / view.scale];
    view.scale = Math.min(4, Math.max(0.004, view.scale * factor));
    view.left = fixedX - x / view.scale;
    view.top = fixedY - y / view.scale;
    this.moved = performance.now();
    this.stale();
  }

  at(x, y) {
    const [atX, atY] = [this.view.left + x / this.view.scale, this.view.top + y / this.view.scale];
    const slack = Math.max(0, 4 / this.view.scale - GraphView.TALL / 2);
    return this.nodes.findIndex(node =>
      Math.abs(node.x - atX) <= GraphView.BOX / 2 + slack && Math.abs(node.y - atY) <= GraphView.TALL / 2 + slack);
  }

  reach(start, next) {
    const seen = new Set([start]);
    const waiting = [start];
    while (waiting.length) {
      for (const other of next[waiting.pop()]) {
        if (!seen.has(other)) {
          seen.add(other);
          waiting.push(other);
        }
      }
    }
    seen.delete(start);
    return seen;
  }

  // select: marks a node with all that it needs and all that needs it; bring says whether to move there.
  select(number, bring) {
    this.chosen = number;
    this.near = new Map();
    if (number >= 0) {
      for (const next of [this.uses, this.users]) for (const other of this.reach(number, next)) this.near.set(other, 1);
      for (const other of [...this.uses[number], ...this.users[number]]) this.near.set(other, 2);
      this.near.set(number, 3);
      if (bring) this.bring(number);
    }
    this.stale();
  }

  bring(number) {
    const {width, height} = this.surface;
    const free = width > 800 ? this.inset : 0;
    this.view.scale = Math.max(this.view.scale, 0.7);
    this.view.left = this.nodes[number].x - (width + free) / 2 / this.view.scale;
    this.view.top = this.nodes[number].y - height / 2 / this.view.scale;
  }

  // filter: a set of nodes that stand out, or null for all.
  filter(wanted) {
    this.wanted = wanted;
    this.stale();
  }

  key(event) {
    const moves = {ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60]};
    const middle = [this.surface.width / 2, this.surface.height / 2];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") this.zoom(1.3, ...middle);
    else if (event.key === "-") this.zoom(1 / 1.3, ...middle);
    else if (event.key === "0") this.fit();
    else if (event.key === "Escape") this.onselect(-1);
    else if (moves[event.key] && (event.shiftKey || this.chosen < 0)) this.pan(...moves[event.key]);
    else if (moves[event.key]) this.walk(event.key);
    else if (event.key === "Enter" && this.chosen < 0 && this.nodes.length) this.onselect(this.nodes.length - 1, true);
    else return;
    event.preventDefault();
  }

  walk(key) {
    const node = this.nodes[this.chosen];
    const nearest = numbers => numbers.reduce((best, each) =>
      best < 0 || Math.abs(this.nodes[each].x - node.x) < Math.abs(this.nodes[best].x - node.x) ? each : best, -1);
    let next = -1;
    if (key === "ArrowUp") next = nearest(this.users[this.chosen]);
    else if (key === "ArrowDown") next = nearest(this.uses[this.chosen]);
    else {
      const way = key === "ArrowLeft" ? -1 : 1;
      const row = [...this.nodes.keys()].filter(each => this.nodes[each].row === node.row && (this.nodes[each].x - node.x) * way > 0);
      next = nearest(row);
    }
    if (next >= 0) this.onselect(next, true);
  }

  // stale: what is drawn is not what is wanted any more.
  stale() {
    this.isStale = true;
    this.surface.ask();
  }

  paint(pen, width, height) {
    const now = performance.now();
    const isMoving = now - this.moved < GraphView.REST_MS;
    if (!this.job && this.isStale && (!isMoving || this.isLeft(width, height))) this.begin(width, height);
    if (this.job) {
      this.pace(now - this.last);
      const until = now + this.slice;
      let step = this.job.next();
      while (!step.done && performance.now() < until) step = this.job.next();
      if (step.done) {
        this.spare = this.picture && this.picture.canvas;
        this.picture = this.coming;
        this.job = null;
      }
    }
    this.last = now;
    const shown = this.picture || this.coming;
    if (shown) {
      const factor = this.view.scale / shown.view.scale;
      pen.drawImage(shown.canvas,
        (shown.view.left - this.view.left) * this.view.scale, (shown.view.top - this.view.top) * this.view.scale,
        shown.width * factor, shown.height * factor);
    }
    if (this.job || this.isStale) this.surface.ask();
  }

  // pace: shorter slices where frames come late, for what is drawn is only painted after the frame.
  pace(gap) {
    const [least, most] = GraphView.SLICE_MS;
    this.slice = gap > GraphView.FRAME_MS ? Math.max(least, this.slice * 0.7) : Math.min(most, this.slice * 1.2);
  }

  // isLeft: whether the picture does not reach far enough any more, or is too coarse.
  isLeft(width, height) {
    if (!this.picture) return true;
    const {view, width: wide, height: high} = this.picture;
    const factor = this.view.scale / view.scale;
    if (factor > 1.8 || factor < 0.7) return true;
    const {left, top, scale} = this.view;
    return left < view.left || top < view.top || left + width / scale > view.left + wide / view.scale
      || top + height / scale > view.top + high / view.scale;
  }

  // complete: a whole picture at once, for paper, which does not wait for frames.
  complete() {
    const {width, height} = this.surface;
    if (!width || !height) return;
    if (!this.fitted) this.fit();
    this.begin(width, height);
    while (!this.job.next().done);
    this.picture = this.coming;
    this.job = null;
  }

  begin(width, height) {
    const ratio = devicePixelRatio || 1;
    const {left, top, scale} = this.view;
    const [wide, high] = [width * (1 + 2 * GraphView.MARGIN), height * (1 + 2 * GraphView.MARGIN)];
    const canvas = this.spare || document.createElement("canvas");
    this.spare = null;
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(high * ratio);
    const view = {left: left - width * GraphView.MARGIN / scale, top: top - height * GraphView.MARGIN / scale, scale};
    this.coming = {canvas, view, width: wide, height: high};
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio * scale, 0, 0, ratio * scale, -view.left * ratio * scale, -view.top * ratio * scale);
    this.isStale = false;
    this.job = this.render(pen, {...view, right: view.left + wide / scale, bottom: view.top + high / scale});
  }

  *render(pen, view) {
    const color = colors();
    const picked = this.chosen >= 0;
    const loud = number => (this.wanted
      ? this.wanted.has(number) || this.near.get(number) > 1
      : !picked || this.near.has(number));
    for (const level of [0, 1, 2, 3]) {
      pen.strokeStyle = [color.line, color.ink, color.select, color.select][level];
      pen.lineWidth = [0.9, 1.6, 0.8, 2][level] / Math.min(1, view.scale * (level ? 1 : 1.5));
      pen.globalAlpha = [picked || this.wanted ? 0.35 : 1, 0.9, 0.4, 1][level];
      yield* this.lines(pen, view, level);
    }
    yield* this.boxes(pen, view, color, loud);
    if (view.scale > 0.3) yield* this.labels(pen, view, color, loud);
  }

  // How much an edge stands out: 3 at what is chosen, 2 on a way to or from there, 1 on the path that is marked, 0 else.
  level(user, used) {
    if (user === this.chosen || used === this.chosen) return 3;
    if (this.chosen >= 0) return this.near.has(user) && this.near.has(used) ? 2 : 0;
    return this.after.get(user) === used ? 1 : 0;
  }

  *lines(pen, view, level) {
    const curved = view.scale > 0.2;
    const half = GraphView.TALL / 2;
    let taken = 0;
    pen.beginPath();
    for (const [user, used] of this.edges) {
      const [one, other] = [this.nodes[user], this.nodes[used]];
      if (one.x < view.left && other.x < view.left || one.x > view.right && other.x > view.right) continue;
      if (other.y < view.top || one.y > view.bottom || this.level(user, used) !== level) continue;
      const [from, to] = [one.y + half, other.y - half];
      pen.moveTo(one.x, from);
      if (curved) pen.bezierCurveTo(one.x, (from + to) / 2, other.x, (from + to) / 2, other.x, to);
      else pen.lineTo(other.x, to);
      if (++taken % 150 === 0) {
        pen.stroke();
        pen.beginPath();
        yield;
      }
    }
    pen.stroke();
    yield;
  }

  *boxes(pen, view, color, loud) {
    const [wide, tall] = [GraphView.BOX, GraphView.TALL];
    const least = Math.max(0, 2 / view.scale - tall);
    let taken = 0;
    for (const [number, node] of this.nodes.entries()) {
      if (node.x < view.left - wide || node.x > view.right + wide || node.y < view.top - tall || node.y > view.bottom + tall) continue;
      const [x, y, high] = [node.x - wide / 2, node.y - (tall + least) / 2, tall + least];
      const stress = this.near.get(number) || 0;
      pen.globalAlpha = loud(number) ? 1 : 0.3;
      pen.fillStyle = node.bad ? color.bad : node.hollow ? color.card : color[node.kind] || color.build;
      pen.fillRect(x, y, wide, high);
      if (node.bad && view.scale > 0.15) stripes(pen, x, y, wide, high, color.badline);
      if (view.scale > 0.12 || stress === 3 || this.strong.has(number)) {
        const rim = stress === 3 ? 3 : this.strong.has(number) ? 2 : 1;
        pen.lineWidth = rim / Math.min(1, view.scale);
        pen.strokeStyle = stress === 3 ? color.select : this.strong.has(number) ? color.ink : stress ? color.select : color.line;
        pen.setLineDash(node.hollow ? [5, 3] : []);
        pen.strokeRect(x, y, wide, high);
      }
      if (++taken % 250 === 0) yield;
    }
    pen.setLineDash([]);
    yield;
  }

  *labels(pen, view, color, loud) {
    let taken = 0;
    pen.font = `12px ${color.sans}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillStyle = color.ink;
    for (const [number, node] of this.nodes.entries()) {
      if (node.x < view.left - 99 || node.x > view.right + 99 || node.y < view.top || node.y > view.bottom) continue;
      pen.globalAlpha = loud(number) ? 1 : 0.4;
      node.label = node.label || clip(pen, (node.bad ? "✗ " : "") + node.name, GraphView.BOX - 12);
      pen.fillText(node.label, node.x, node.y + 0.5);
      if (++taken % 60 === 0) yield;
    }
  }
}
