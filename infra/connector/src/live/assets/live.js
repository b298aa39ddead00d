// Asks this machine's stack for the parts that move, once a second, and puts them in place. The server has escaped them.
"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const [now, story, search, filter, alive] = ["now", "story", "search", "filter", "alive"].map(at);
  let open = "";
  let timer = 0;

  async function part(path) {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(await answer.text());
    return answer.text();
  }

  async function refresh() {
    clearTimeout(timer);
    try {
      const query = new URLSearchParams({ q: search.value, state: filter.value });
      const told = await part(`/now?${query}`);
      const focused = document.activeElement?.dataset?.story;
      now.innerHTML = told;
      if (focused) now.querySelector(`[data-story="${CSS.escape(focused)}"]`)?.focus();
      if (open) story.innerHTML = await part(`/story/${open}`);
      alive.textContent = "";
      document.body.dataset.live = "yes";
    } catch {
      alive.textContent = "It does not answer: is connector local still running?";
      alive.className = "bad";
    }
    timer = setTimeout(refresh, 1000);
  }

  async function choose(event) {
    if (event.type === "keydown" && event.key !== "Enter") return;
    const row = event.target.closest("[data-story]");
    if (!row) return;
    open = row.dataset.story;
    story.innerHTML = await part(`/story/${open}`);
    story.hidden = false;
  }

  now.addEventListener("click", choose);
  now.addEventListener("keydown", choose);
  story.addEventListener("click", (event) => {
    if (event.target.id !== "close") return;
    open = "";
    story.hidden = true;
  });
  search.addEventListener("input", refresh);
  filter.addEventListener("change", refresh);
  refresh();
})();
