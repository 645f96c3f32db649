// Communities: colour, name, area and trend; hide, show alone, rename.

const TREND_POINTS = 10;

export const title = ({ id, name }) => name || `community ${id}`;

export class Legend {
  // `changed()` when what is shown has changed; `rename(id, name)` promises.
  constructor(byId, look, { changed, rename }) {
    this.body = byId("legend").tBodies[0];
    this.look = look;
    this.changed = changed;
    this.rename = rename;
    this.rows = new Map();
    this.editing = null;
  }

  show(communities, history) {
    const order = [...communities].sort((a, b) => b.fraction - a.fraction || a.id - b.id);
    const known = new Set(order.map(({ id }) => id));
    for (const [id, row] of this.rows) {
      if (!known.has(id) && this.editing !== id) {
        row.line.remove();
        this.rows.delete(id);
      }
    }
    order.forEach((one, index) => {
      const row = this.rows.get(one.id) ?? this.#row(one.id);
      row.one = one;
      row.swatch.style.background = `rgb(${one.color.join(" ")})`;
      if (this.editing !== one.id) row.name.textContent = title(one);
      row.area.textContent = `${(100 * one.fraction).toFixed(1)} %`;
      row.trend.textContent = trend(one, history);
      if (this.body.children[index] !== row.line && this.editing === null) {
        this.body.insertBefore(row.line, this.body.children[index] ?? null);
      }
    });
    this.mark();
  }

  // Say by the rows what is hidden and what is shown alone.
  mark() {
    const { hidden, solo } = this.look;
    for (const [id, row] of this.rows) {
      row.box.checked = !hidden.has(id);
      row.solo.setAttribute("aria-pressed", String(solo === id));
      row.line.classList.toggle("away", solo === null ? hidden.has(id) : solo !== id);
    }
  }

  showAll() {
    this.look.hidden.clear();
    this.look.solo = null;
    this.mark();
    this.changed();
  }

  #row(id) {
    const line = document.createElement("tr");
    line.innerHTML =
      '<td><input type="checkbox"></td><td><i class="swatch"></i><button type="button" class="name"></button></td>' +
      '<td class="number"></td><td class="number"></td><td><button type="button" class="solo">Alone</button></td>';
    const [shown, named, area, trendCell, alone] = line.cells;
    const row = {
      line, area, trend: trendCell, box: shown.firstChild, swatch: named.firstChild,
      name: named.lastChild, solo: alone.firstChild, one: null,
    };
    line.dataset.id = id;
    row.box.setAttribute("aria-label", `Show community ${id}`);
    row.name.title = "Rename";
    row.solo.title = "Show this one alone";
    row.box.onchange = () => {
      if (row.box.checked) this.look.hidden.delete(id);
      else this.look.hidden.add(id);
      this.look.solo = null;
      this.mark();
      this.changed();
    };
    row.solo.onclick = () => {
      this.look.solo = this.look.solo === id ? null : id;
      this.mark();
      this.changed();
    };
    row.name.onclick = () => this.#edit(row);
    this.rows.set(id, row);
    this.body.append(line);
    return row;
  }

  #edit(row) {
    const { id } = row.one, input = document.createElement("input");
    input.className = "rename";
    input.maxLength = 128;
    input.value = row.one.name ?? "";
    input.placeholder = `community ${id}`;
    input.setAttribute("aria-label", `Name of community ${id}`);
    this.editing = id;
    row.name.replaceWith(input);
    input.focus();
    input.select();
    const end = (keep) => {
      if (this.editing !== id) return;
      this.editing = null;
      input.replaceWith(row.name);
      row.name.textContent = title(row.one);
      row.name.focus();
      const name = input.value.trim() || null;
      if (!keep || name === row.one.name) return;
      row.name.textContent = title({ id, name });
      this.rename(id, name).then(() => (row.one.name = name), () => (row.name.textContent = title(row.one)));
    };
    input.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key !== "Enter" && event.key !== "Escape") return;
      // Or the same key would press the button that takes the focus.
      event.preventDefault();
      end(event.key === "Enter");
    };
    input.onblur = () => end(true);
  }
}

// Change of the area over the last points of the history, in percentage points.
function trend({ id, fraction }, history) {
  const before = history[Math.max(0, history.length - 1 - TREND_POINTS)];
  if (!before || history.length < 2) return "";
  const change = 100 * (fraction - (before.fractions[id] ?? 0));
  if (Math.abs(change) < 0.05) return "→ 0.0";
  return `${change > 0 ? "↗ +" : "↘ −"}${Math.abs(change).toFixed(1)}`;
}
