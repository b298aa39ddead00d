// Asks this machine's stack for the parts that move, once a second, and puts them in place. The server has escaped them.
"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const [now, story, search, filter, alive] = ["now", "story", "search", "filter", "alive"].map(at);

  // Which story is open stands in the address, so that it can be kept and sent on.
  const open = () => location.hash.slice(1);

  // Asks and shows, and does so again a second later. What was asked for last counts: an answer to an earlier question is
  // dropped, and only the last one goes on.
  function keep(path, show) {
    let asked = 0;
    let timer = 0;
    return async function ask() {
      clearTimeout(timer);
      const mine = ++asked;
      const where = path();
      if (where === null) return show(null);
      const answer = await fetch(where).catch(() => null);
      const told = answer?.ok ? await answer.text().catch(() => null) : null;
      if (mine !== asked) return;
      show(told);
      timer = setTimeout(ask, 1000);
    };
  }

  function showNow(told) {
    alive.textContent = told === null ? "It does not answer: is connector local still running?" : "";
    if (told === null) return;
    const focused = document.activeElement?.dataset?.story;
    now.innerHTML = told;
    if (focused) rowOf(focused)?.focus({ preventScroll: true });
    mark();
  }

  function showStory(told) {
    if (open() && told !== null) {
      const { scrollTop } = story;
      story.innerHTML = told;
      story.scrollTop = scrollTop;
    }
    story.hidden = !open() || !story.innerHTML;
    mark();
  }

  const rowOf = (id) => now.querySelector(`[data-story="${CSS.escape(id)}"]`);

  function mark() {
    now.querySelector(".open")?.classList.remove("open");
    rowOf(open())?.classList.add("open");
  }

  function choose(event) {
    if (event.type === "keydown" && event.key !== "Enter") return;
    const row = event.target.closest("[data-story]");
    if (row) location.hash = row.dataset.story;
  }

  function close() {
    location.hash = "";
  }

  const refresh = keep(() => `now?${new URLSearchParams({ q: search.value, state: filter.value })}`, showNow);
  const tell = keep(() => (open() ? `story/${open()}` : null), showStory);
  now.addEventListener("click", choose);
  now.addEventListener("keydown", choose);
  story.addEventListener("click", (event) => event.target.id === "close" && close());
  addEventListener("keydown", (event) => event.key === "Escape" && close());
  addEventListener("hashchange", () => {
    story.innerHTML = "";
    tell();
  });
  search.addEventListener("input", refresh);
  filter.addEventListener("change", refresh);
  refresh();
  if (open()) tell();
})();
