"use strict";
// A page from a disk may not read other pages for the excerpts of a search.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

document.addEventListener("DOMContentLoaded", () => {
  // Guides before the reasons behind them.
  const background = /^(docs\/decisions\/0|CHANGELOG)/;
  if (typeof Scorer !== "undefined") {
    Scorer.score = ([page, , , , score]) => (background.test(page) ? score / 4 : score);
  }
  // The navigation shows where this page is.
  const here = document.querySelector(".sidebar-tree .current-page");
  const navigation = document.querySelector(".sidebar-scroll");
  if (here && navigation) {
    const above = here.getBoundingClientRect().top - navigation.getBoundingClientRect().top;
    navigation.scrollTo({ top: above - navigation.clientHeight / 2, behavior: "instant" });
  }
});
