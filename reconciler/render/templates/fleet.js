"use strict";
(() => {
  const form = document.getElementById("filter");
  if (!form) return;
  const body = document.getElementById("rows");
  const search = document.getElementById("words");
  const count = document.getElementById("count");
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const heads = [...document.querySelectorAll("thead th")];
  const rows = [...body.rows].map((element) => ({ element, state: element.className, text: null }));
  const attention = [...rows];
  let waiting = 0;
  let announcing = 0;

  const apply = () => {
    waiting = 0;
    const wanted = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const states = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    for (const row of rows) {
      let found = states.has(row.state);
      if (found && wanted.length) {
        // Text is read once, at the first search.
        row.text ??= row.element.cells[0].textContent.toLowerCase();
        found = wanted.every((word) => row.text.includes(word));
      }
      if (row.element.hidden === found) row.element.hidden = !found;
      shown += found;
    }
    // A screen reader announces the number when the typing pauses.
    clearTimeout(announcing);
    announcing = setTimeout(() => {
      const of = rows.length.toLocaleString("en");
      count.value = shown === rows.length ? `All ${of} tenants shown` : `${shown.toLocaleString("en")} of ${of} tenants shown`;
    }, 200);
  };
  const soon = () => {
    waiting ||= requestAnimationFrame(apply);
  };

  const nameOf = (row) => row.element.cells[0].firstChild.textContent.trim();
  const numberOf = (row, column) => Number(row.element.cells[column].textContent.replaceAll(",", ""));
  const sort = (column, up) => {
    const keys = new Map(attention.map((row) => [row, column ? numberOf(row, column) : nameOf(row)]));
    const compare = (one, other) => (keys.get(one) < keys.get(other) ? -1 : keys.get(one) > keys.get(other) ? 1 : 0);
    // Equal ones stay in the order of attention.
    const sorted = [...attention].sort((one, other) => (up ? compare(one, other) : compare(other, one)));
    body.append(...sorted.map((row) => row.element));
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const former = head.getAttribute("aria-sort");
      // A name is looked for from the first one on, a number from the largest one on.
      const up = former ? former === "descending" : column === 0;
      for (const each of heads) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      sort(column, up);
    });
  });

  form.addEventListener("input", soon);
  form.addEventListener("reset", () => {
    for (const each of heads) each.removeAttribute("aria-sort");
    body.append(...attention.map((row) => row.element));
    setTimeout(soon);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
})();
