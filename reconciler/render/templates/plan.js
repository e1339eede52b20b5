"use strict";
(() => {
  const form = document.getElementById("filter");
  if (!form) return;
  const search = document.getElementById("words");
  const count = document.getElementById("count");
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const lists = [...document.querySelectorAll("section.list")];
  const sections = [...document.querySelectorAll("section[data-action]")].map((element) => ({
    element,
    action: element.dataset.action,
    list: element.dataset.list,
    cards: [...element.querySelectorAll("article")],
    texts: null,
  }));
  const total = sections.reduce((sum, section) => sum + section.cards.length, 0);
  // What a change leaves as it is does not answer what is searched for.
  const textOf = (card) =>
    [...card.children].map((part) => (part.localName === "details" ? "" : part.textContent)).join("\n").toLowerCase();
  let waiting = 0;
  let announcing = 0;

  const apply = () => {
    waiting = 0;
    const wanted = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = (name) => new Set(boxes.filter((box) => box.name === name && box.checked).map((box) => box.value));
    const actions = chosen("action");
    const origins = chosen("list");
    let shown = 0;
    for (const section of sections) {
      let left = 0;
      if (actions.has(section.action) && (section.list === undefined || origins.has(section.list))) {
        // Text is read once, at the first search.
        if (wanted.length) section.texts ??= section.cards.map(textOf);
        section.cards.forEach((card, index) => {
          const found = wanted.every((word) => section.texts[index].includes(word));
          if (card.hidden === found) card.hidden = !found;
          left += found;
        });
      }
      section.element.hidden = left === 0;
      shown += left;
    }
    for (const list of lists) list.hidden = !list.querySelector("section:not([hidden])");
    // A screen reader announces the number when the typing pauses.
    clearTimeout(announcing);
    announcing = setTimeout(() => {
      const of = total.toLocaleString("en");
      count.value = shown === total ? `All ${of} changes shown` : `${shown.toLocaleString("en")} of ${of} changes shown`;
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
