"use strict";
// Theme, sorting, and words of what is pointed at. The page can be read without any of it.
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");

  // --- dark mode -----------------------------------------------------------------------------
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    show();
  });
  system.addEventListener("change", show);
  show();

  // --- tables that sort ----------------------------------------------------------------------
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? null : Number(cell.dataset.v);
  };
  const compare = (column, sign) => (a, b) => {
    const [x, y] = [valueOf(a, column), valueOf(b, column)];
    if (x === null || y === null) {
      if (x !== y) return x === null ? 1 : -1; // what is unknown comes last, either way
      return sign * a.cells[column].textContent.localeCompare(b.cells[column].textContent);
    }
    return sign * (x - y);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const press = document.createElement("button");
      press.type = "button";
      press.append(...head.childNodes);
      if (!press.textContent.trim()) press.textContent = "note";
      head.append(press);
      press.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const body = table.tBodies[0];
        body.append(...[...body.rows].sort(compare(column, up ? 1 : -1)));
      });
    });
  }

  // --- words of what is pointed at -----------------------------------------------------------
  const tip = document.getElementById("tip");
  let told = null; // the mark that is spoken of
  const hide = () => {
    told = null;
    tip.classList.remove("on");
  };
  const say = (text, x, y) => {
    tip.textContent = text;
    tip.classList.add("on");
    const box = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, x - box.width / 2), innerWidth - box.width - 8);
    tip.style.left = `${left}px`;
    tip.style.top = `${y - box.height - 14 > 4 ? y - box.height - 14 : y + 18}px`;
  };
  const client = (svg, x, y) => new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
  const sayMark = (mark) => {
    const box = mark.getBoundingClientRect();
    const at = mark.dataset.at?.split(" ").map(Number);
    const middle = { x: box.x + box.width / 2, y: box.y };
    const place = at ? client(mark.ownerSVGElement, ...at) : middle;
    say(mark.getAttribute("aria-label"), place.x, place.y);
    told = mark;
  };
  // The words go with a mark that has the focus; what was pointed at has moved away.
  const follow = () => (told && told.matches(":focus") ? sayMark(told) : hide());
  addEventListener("scroll", follow, { passive: true });
  addEventListener("keydown", (event) => event.key === "Escape" && hide());

  const axis = (text) => {
    const [scale, ...numbers] = text.split(" ");
    const [low, high, start, end] = numbers.map(Number);
    const log = scale === "log";
    return (place) => {
      const share = (place - start) / (end - start);
      return log ? low * (high / low) ** share : low + (high - low) * share;
    };
  };
  const written = (value) =>
    Math.abs(value) >= 1000
      ? Math.round(Number(value.toPrecision(3))).toLocaleString("en")
      : String(Number(value.toPrecision(3)));

  for (const svg of document.querySelectorAll("figure > svg")) {
    // A title of SVG is shown by the browser itself, beside ours: it becomes a label.
    svg.setAttribute("aria-label", svg.querySelector(":scope > title").textContent);
    svg.removeAttribute("aria-labelledby");
    svg.querySelector(":scope > title").remove();
    const marks = [...svg.querySelectorAll(".p")];
    for (const mark of marks) {
      const title = mark.querySelector(":scope > title");
      mark.setAttribute("aria-label", title.textContent);
      title.remove();
      mark.setAttribute("tabindex", "-1");
    }
    if (marks.length) marks[0].setAttribute("tabindex", "0");
    svg.addEventListener("focusin", (event) => {
      const mark = event.target.closest(".p");
      if (mark && mark.matches(":focus-visible")) sayMark(mark);
    });
    svg.addEventListener("focusout", hide);
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const here = marks.indexOf(event.target.closest(".p"));
      if (!step || here < 0) return;
      event.preventDefault();
      const next = marks[(here + step + marks.length) % marks.length];
      marks[here].setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("pointerover", (event) => {
      const mark = event.target.closest(".p:not(.t)");
      if (mark) sayMark(mark);
      else hide();
    });
    const traces = [...svg.querySelectorAll(".t")].map((mark) => ({
      mark,
      places: mark.querySelector(".trace").getAttribute("d").slice(1).split("L")
        .map((pair) => pair.split(" ").map(Number)),
    }));
    if (!traces.length) continue;
    const [xOf, yOf] = [axis(svg.dataset.x), axis(svg.dataset.y)];
    const unit = svg.closest("figure").querySelector(".data th").textContent;
    const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    dot.setAttribute("r", "4.5");
    dot.setAttribute("class", "dot");
    svg.addEventListener("pointermove", (event) => {
      const at = new DOMPoint(event.clientX, event.clientY)
        .matrixTransform(svg.getScreenCTM().inverse());
      let best = null;
      for (const { mark, places } of traces) {
        for (const [x, y] of places) {
          const far = Math.hypot(x - at.x, y - at.y);
          if (!best || far < best.far) best = { far, x, y, mark };
        }
      }
      if (best.far > 40) {
        dot.remove();
        hide();
        return;
      }
      dot.setAttribute("cx", best.x);
      dot.setAttribute("cy", best.y);
      dot.setAttribute("style", best.mark.getAttribute("style"));
      svg.append(dot);
      const place = client(svg, best.x, best.y);
      const text = `${written(xOf(best.x))} ${unit}: ${written(yOf(best.y))}`;
      say(`${best.mark.dataset.name}, ${text}`, place.x, place.y);
    });
    svg.addEventListener("pointerleave", () => dot.remove());
  }

  // A line is brought out by its name in the legend.
  for (const item of document.querySelectorAll(".legend.lines li")) {
    const traces = [...item.closest(".views").querySelectorAll(".t")];
    const dim = (on) =>
      traces.forEach((t) => t.classList.toggle("dim", on && t.dataset.name !== item.dataset.name));
    item.addEventListener("pointerenter", () => dim(true));
    item.addEventListener("pointerleave", () => dim(false));
  }
})();
