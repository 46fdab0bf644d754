// One derivation, whole: why it was built, how long it took, what it needed, what went wrong, what it said.
"use strict";

const LINKS_SHOWN = 12;

class Details {
  constructor(place, report, onselect) {
    this.place = place;
    this.report = report;
    this.onselect = onselect;
  }

  show(task) {
    this.place.replaceChildren(...(task ? this.parts(task) : this.nothing()));
    this.place.scrollTop = 0;
  }

  nothing() {
    return [
      element("h2", {}, "Nothing selected"),
      element("p.soft", {}, "Select a derivation anywhere: a bar, a row, a node. It is then shown here and in every view."),
      element("table.keys", {}, element("tbody", {}, [
        ["/", "search"], ["↑ ↓ ← →", "go to what is beside it, in the view that has the focus"], ["+ − 0", "zoom in, out, show all"], ["Shift ← →", "move"], ["Esc", "select nothing"],
      ].map(([key, what]) => element("tr", {}, element("td", {}, element("kbd", {}, key)), element("td", {}, what))))),
    ];
  }

  parts(task) {
    const error = task.error;
    return [
      element("h2", {}, task.name),
      element("p.badges", {}, stateOf(task.state), element("span.soft", {}, task.work), task.critical ? element("span", {}, "◆ critical path") : ""),
      element("dl", {}, this.facts(task).map(([label, value]) => [element("dt", {}, label), element("dd", {}, value)])),
      error ? this.error(error) : "",
      task.phases.length ? this.phases(task) : "",
      this.log(task),
      this.list("needed first", task.inputs),
      this.list("needed by", task.users),
      this.outputs(task),
    ].flat().filter(part => part !== "");
  }

  facts(task) {
    const rows = [["why", task.why || "not told"]];
    if (task.origin) rows.push(["defined at", element("code", {}, task.origin)]);
    if (task.started_s !== null) {
      rows.push(["took", this.duration(task)], ["began", `${seconds(task.started_s)} into the run, ${task.work === "fetch" ? "fetch" : "worker"} ${task.lane + 1}`]);
    } else rows.push(["began", "never"]);
    if (task.size_bytes) rows.push(["size", bytes(task.size_bytes)]);
    rows.push(["id", element("code", {}, task.drv)]);
    return rows;
  }

  duration(task) {
    const share = this.report.duration_s ? `, ${Math.round(100 * task.took_s / this.report.duration_s)} % of the run` : "";
    const before = task.expected_s === null ? "" : `; ${seconds(task.expected_s)} the time before`;
    return seconds(task.took_s) + share + before;
  }

  error(error) {
    return element("div.error", {},
      element("p", {}, element("b", {}, `error[${error.code}] `), error.message),
      element("dl", {}, (error.details || []).map(([label, text]) => [element("dt", {}, label), element("dd", {}, text)]),
        error.hint ? [element("dt", {}, "fix"), element("dd", {}, error.hint)] : ""));
  }

  phases(task) {
    const ends = [...task.phases.slice(1).map(([, began]) => began), task.ended_s];
    const longest = Math.max(1e-9, ...task.phases.map(([, began], number) => ends[number] - began));
    return [element("h3", {}, "Phases"), element("table.phases", {}, element("tbody", {}, task.phases.map(([name, began], number) => {
      const took = ends[number] - began;
      const bar = element("div");
      bar.style.width = `${Math.round(100 * took / longest)}%`;
      return element("tr", {}, element("th", {scope: "row"}, name), element("td.number", {}, seconds(took)), element("td.bar", {"aria-hidden": "true"}, bar));
    })))];
  }

  log(task) {
    const text = task.log || (task.error && task.error.log_tail) || "";
    if (!text) return "";
    return [element("h3", {}, "The end of its log"), element("pre.log", {tabindex: 0}, text),
      element("p.soft", {}, "The whole log: ", element("code", {}, `hermetica log ${task.drv.slice(0, 16)}`))];
  }

  list(label, numbers) {
    if (!numbers.length) return "";
    const place = element("ul.links", {});
    const item = number => {
      const task = this.report.tasks[number];
      return element("li", {}, element("button", {type: "button", onclick: () => this.onselect(number, true)}, task.name),
        element("span.soft", {}, task.took_s === null ? "" : ` ${seconds(task.took_s)}`));
    };
    place.append(...numbers.slice(0, LINKS_SHOWN).map(item));
    if (numbers.length > LINKS_SHOWN) {
      const rest = element("button", {type: "button", onclick: () => rest.parentElement.replaceWith(...numbers.slice(LINKS_SHOWN).map(item))}, `and ${count(numbers.length - LINKS_SHOWN)} more`);
      place.append(element("li", {}, rest));
    }
    return [element("h3", {}, label), place];
  }

  outputs(task) {
    const outputs = Object.entries(task.outputs);
    if (!outputs.length) return "";
    return [element("h3", {}, "Outputs"), element("dl", {}, outputs.map(([name, path]) => [element("dt", {}, name), element("dd", {}, element("code", {}, path))]))];
  }
}
