"use strict";
(() => {
  const form = document.getElementById("filter");
  const list = document.getElementById("rows");
  const search = document.getElementById("words");
  const count = document.getElementById("count");
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const rows = [...list.children].map((element) => ({ element, state: element.className, text: null }));
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
        row.text ??= row.element.textContent.toLowerCase();
        found = wanted.every((word) => row.text.includes(word));
      }
      if (row.element.hidden === found) row.element.hidden = !found;
      shown += found;
    }
    // A screen reader announces the number when the typing pauses.
    clearTimeout(announcing);
    announcing = setTimeout(() => {
      const of = rows.length.toLocaleString("en");
      count.value = shown === rows.length ? `All ${of} users shown` : `${shown.toLocaleString("en")} of ${of} users shown`;
    }, 200);
  };
  const soon = () => {
    waiting ||= requestAnimationFrame(apply);
  };

  form.addEventListener("input", soon);
  form.addEventListener("reset", () => setTimeout(soon));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
})();
