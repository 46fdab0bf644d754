// What ran when, a lane for each worker; above it how many ran at once. The critical path has a dark rim and is joined.
"use strict";

class Timeline {
  static AXIS = 20;
  static CROWD = 30;
  static GUTTER = 64;

  constructor(canvas, report, onselect, onhover) {
    this.report = report;
    this.onselect = onselect;
    this.onhover = onhover;
    this.tasks = report.tasks.filter(task => task.started_s !== null);
    const lanes = report.lanes[0] + report.lanes[1];
    this.lane = Math.max(5, Math.min(24, Math.floor(460 / Math.max(1, lanes))));
    this.top = Timeline.AXIS + Timeline.CROWD + 6;
    canvas.style.height = `${this.top + Math.max(1, lanes) * this.lane + 6}px`;
    this.rows = Array.from({length: lanes}, () => []);
    for (const task of this.tasks) this.rows[this.row(task)].push(task);
    for (const row of this.rows) row.sort((one, other) => one.started_s - other.started_s);
    this.crowd = this.counted();
    this.whole = Math.max(report.duration_s, 1e-3);
    this.from = 0;
    this.to = this.whole;
    this.chosen = -1;
    this.wanted = null;
    this.surface = new Surface(canvas, (pen, width) => this.paint(pen, width));
    gestures(canvas, {
      pan: dx => this.pan(-dx / this.scale()),
      zoom: (factor, x) => this.zoom(factor, x),
      press: (x, y) => this.onselect(this.at(x, y)),
      hover: (x, y) => this.onhover(x < 0 ? -1 : this.at(x, y), x, y),
    });
    canvas.addEventListener("keydown", event => this.key(event));
  }

  row(task) {
    return task.work === "fetch" ? this.report.lanes[0] + task.lane : task.lane;
  }

  counted() {
    const changes = [];
    for (const task of this.tasks) changes.push([task.started_s, 1], [task.ended_s, -1]);
    changes.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
    let running = 0;
    this.most = 1;
    return changes.map(([moment, change]) => {
      running += change;
      this.most = Math.max(this.most, running);
      return [moment, running];
    });
  }

  scale() {
    return Math.max(1, this.surface.width - Timeline.GUTTER - 8) / (this.to - this.from);
  }

  x(moment) {
    return Timeline.GUTTER + (moment - this.from) * this.scale();
  }

  show(from, to) {
    const span = Math.min(this.whole, Math.max(this.whole / 5e4, to - from));
    this.from = Math.min(Math.max(0, from), this.whole - span);
    this.to = this.from + span;
    this.surface.ask();
  }

  pan(by) {
    this.show(this.from + by, this.to + by);
  }

  zoom(factor, x) {
    const moment = this.from + (x - Timeline.GUTTER) / this.scale();
    this.show(moment - (moment - this.from) / factor, moment + (this.to - moment) / factor);
  }

  at(x, y) {
    const row = this.rows[Math.floor((y - this.top) / this.lane)];
    if (!row || x < Timeline.GUTTER - 2) return -1;
    let best = -1;
    let near = 4;
    for (const task of row) {
      const [left, right] = [this.x(task.started_s), this.x(task.ended_s)];
      const away = x < left ? left - x : x > right ? x - right : 0;
      if (away < near || away === 0) [best, near] = [task.number, away];
      if (left > x + 4) break;
    }
    return best;
  }

  select(number, bring) {
    this.chosen = number;
    const task = this.report.tasks[number];
    if (bring && task && task.started_s !== null && (task.ended_s < this.from || task.started_s > this.to)) {
      const span = this.to - this.from;
      this.show((task.started_s + task.ended_s - span) / 2, (task.started_s + task.ended_s + span) / 2);
    }
    this.surface.ask();
  }

  filter(wanted) {
    this.wanted = wanted;
    this.surface.ask();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const middle = (this.surface.width + Timeline.GUTTER) / 2;
    const span = this.to - this.from;
    if (event.key === "+" || event.key === "=") this.zoom(1.4, middle);
    else if (event.key === "-") this.zoom(1 / 1.4, middle);
    else if (event.key === "0") this.show(0, this.whole);
    else if (event.key === "Escape") this.onselect(-1);
    else if (event.shiftKey && event.key === "ArrowLeft") this.pan(-span / 6);
    else if (event.shiftKey && event.key === "ArrowRight") this.pan(span / 6);
    else if (event.key.startsWith("Arrow")) this.walk(event.key);
    else return;
    event.preventDefault();
  }

  walk(key) {
    const task = this.report.tasks[this.chosen];
    if (!task || task.started_s === null) {
      const first = this.tasks.find(each => each.ended_s >= this.from);
      if (first) this.onselect(first.number, true);
      return;
    }
    const row = this.row(task);
    let next = null;
    if (key === "ArrowLeft" || key === "ArrowRight") {
      next = this.rows[row][this.rows[row].indexOf(task) + (key === "ArrowLeft" ? -1 : 1)];
    } else {
      const other = this.rows[row + (key === "ArrowUp" ? -1 : 1)] || [];
      const middle = (task.started_s + task.ended_s) / 2;
      const away = each => Math.abs((each.started_s + each.ended_s) / 2 - middle);
      next = other.reduce((best, each) => (!best || away(each) < away(best) ? each : best), null);
    }
    if (next) this.onselect(next.number, true);
  }

  paint(pen, width) {
    const color = colors();
    pen.font = `11px ${color.sans}`;
    pen.textBaseline = "middle";
    this.axis(pen, width, color);
    this.lanes(pen, width, color);
    pen.save();
    pen.beginPath();
    pen.rect(Timeline.GUTTER - 1, 0, width - Timeline.GUTTER + 1, this.surface.height);
    pen.clip();
    this.running(pen, width, color);
    this.path(pen, color);
    for (const row of this.rows) this.bars(pen, width, row, color);
    if (this.chosen >= 0) this.ring(pen, color);
    pen.restore();
  }

  axis(pen, width, color) {
    const size = step(this.to - this.from, Math.max(3, width / 110));
    pen.textAlign = "left";
    for (let mark = Math.ceil(this.from / size) * size; mark <= this.to + size / 1e6; mark += size) {
      const at = Math.round(this.x(mark)) + 0.5;
      pen.strokeStyle = color.line;
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(at, 4);
      pen.lineTo(at, this.surface.height - 4);
      pen.stroke();
      pen.fillStyle = color.soft;
      pen.fillText(Timeline.moment(mark, size), at + 4, 10);
    }
  }

  static moment(moment, size) {
    if (moment < 60) return size < 1 ? `${moment.toFixed(Math.min(4, Math.ceil(-Math.log10(size) - 1e-9)))} s` : `${Math.round(moment)} s`;
    const whole = Math.floor(moment + 1e-9);
    const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, String(whole % 60).padStart(2, "0")];
    const fraction = size < 1 ? (moment % 1).toFixed(Math.min(3, Math.ceil(-Math.log10(size)))).slice(1) : "";
    return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}${fraction}`;
  }

  lanes(pen, width, color) {
    pen.textAlign = "right";
    pen.fillStyle = color.soft;
    const middle = Timeline.AXIS + Timeline.CROWD / 2;
    pen.fillText("at once", Timeline.GUTTER - 8, middle);
    for (let lane = 0; lane < this.rows.length; lane += 1) {
      const y = this.top + lane * this.lane;
      if (lane && lane === this.report.lanes[0]) {
        pen.fillStyle = color.line;
        pen.fillRect(0, y - 1, width, 1);
        pen.fillStyle = color.soft;
      }
      if (this.lane < 11 && lane && lane !== this.report.lanes[0]) continue;
      const isFetch = lane >= this.report.lanes[0];
      const number = isFetch ? lane - this.report.lanes[0] + 1 : lane + 1;
      pen.fillText(`${isFetch ? "fetch" : "worker"} ${number}`, Timeline.GUTTER - 8, y + this.lane / 2);
    }
  }

  running(pen, width, color) {
    const base = Timeline.AXIS + Timeline.CROWD;
    const tall = Timeline.CROWD - 4;
    pen.beginPath();
    pen.moveTo(Timeline.GUTTER, base);
    const y = level => base - tall * level / this.most;
    let [level, before, drawn, peak] = [0, Timeline.GUTTER, -Infinity, 0];
    for (const [moment, running] of this.crowd) {
      const at = Math.min(width + 1, Math.max(Timeline.GUTTER, this.x(moment)));
      peak = Math.max(peak, running);
      if (at - drawn >= 0.5) {
        pen.lineTo(before, y(level));
        pen.lineTo(at, y(level));
        pen.lineTo(at, y(peak));
        [drawn, peak] = [at, 0];
      }
      [level, before] = [running, at];
    }
    pen.lineTo(before, y(level));
    pen.lineTo(before, base);
    pen.fillStyle = color.reused;
    pen.fill();
    pen.textAlign = "left";
    pen.fillStyle = color.soft;
    pen.fillText(`up to ${this.most}`, Timeline.GUTTER + 4, Timeline.AXIS + 8);
  }

  bars(pen, width, row, color) {
    const inner = this.lane - (this.lane > 10 ? 4 : 1);
    let until = -Infinity;
    for (const task of row) {
      const left = this.x(task.started_s);
      if (left > width) break;
      const right = Math.max(left + 0.7, this.x(task.ended_s));
      const isPlain = !task.critical && !BAD.has(task.state);
      if (right < Timeline.GUTTER || isPlain && right <= until) continue;
      until = Math.max(until, right - (right - left < 1 ? 0 : 1));
      const y = this.top + this.row(task) * this.lane + (this.lane - inner) / 2;
      const wide = Math.max(0.7, right - left - (right - left > 3 ? 1 : 0));
      pen.globalAlpha = this.wanted && !this.wanted.has(task.number) ? 0.22 : 1;
      this.bar(pen, task, left, y, wide, inner, color);
    }
    pen.globalAlpha = 1;
  }

  bar(pen, task, x, y, wide, tall, color) {
    const isBad = BAD.has(task.state);
    pen.fillStyle = isBad ? color.bad : task.state === "cached" ? color.card : color[task.work] || color.build;
    pen.fillRect(x, y, wide, tall);
    if (isBad) stripes(pen, x, y, Math.max(3, wide), tall, color.badline);
    if (task.critical && wide > 1.5) {
      pen.strokeStyle = color.ink;
      pen.lineWidth = 1.6;
      pen.strokeRect(x + 0.8, y + 0.8, Math.max(0.4, wide - 1.6), tall - 1.6);
    } else if (task.state === "cached" && wide > 3) {
      pen.strokeStyle = color.soft;
      pen.lineWidth = 1;
      pen.strokeRect(x + 0.5, y + 0.5, wide - 1, tall - 1);
    }
    if (wide > 40) for (const [, began] of task.phases.slice(1)) {
      pen.fillStyle = color.paper;
      pen.fillRect(this.x(began), y + tall - 5, 1, 4);
    }
    const from = Math.max(x, Timeline.GUTTER);
    if (this.lane < 12 || x + wide - from < 26) return;
    pen.fillStyle = color.ink;
    pen.textAlign = "left";
    pen.fillText(clip(pen, (isBad ? "✗ " : "") + task.name, x + wide - from - 10), from + 5, y + tall / 2 + 0.5);
  }

  path(pen, color) {
    const steps = this.report.critical.map(number => this.report.tasks[number]);
    pen.strokeStyle = color.ink;
    pen.lineWidth = 1.2;
    pen.beginPath();
    for (let number = 1; number < steps.length; number += 1) {
      const [one, other] = [steps[number - 1], steps[number]];
      const [from, to] = [this.x(one.ended_s), this.x(other.started_s)];
      if (to < Timeline.GUTTER || from > this.surface.width) continue;
      const middle = task => this.top + (this.row(task) + 0.5) * this.lane;
      pen.moveTo(from, middle(one));
      pen.lineTo(to, middle(one));
      pen.lineTo(to, middle(other));
    }
    pen.stroke();
  }

  ring(pen, color) {
    const task = this.report.tasks[this.chosen];
    if (task.started_s === null) return;
    const [left, right] = [this.x(task.started_s), Math.max(this.x(task.started_s) + 3, this.x(task.ended_s))];
    const y = this.top + this.row(task) * this.lane;
    pen.strokeStyle = color.select;
    pen.lineWidth = 2.5;
    pen.strokeRect(left - 1, y + 0.5, right - left + 1, this.lane - 1);
  }
}
