// Searches, filters and sorts the table that is in the page already. Asks nobody for anything.
"use strict";
(() => {
  const body = document.querySelector("#rows tbody");
  const search = document.getElementById("search");
  const filter = document.getElementById("filter");
  const count = document.getElementById("count");
  const rows = [...body.rows].map((row) => ({ row, text: null }));

  function matches(entry, words) {
    if (entry.text === null) entry.text = entry.row.textContent.toLowerCase();
    return words.every((word) => entry.text.includes(word));
  }

  function apply() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = filter.value;
    let shown = 0;
    for (const entry of rows) {
      const { state } = entry.row.dataset;
      const is = (wanted === "" || (wanted === "rest" ? state !== "delivered" : state === wanted)) && matches(entry, words);
      entry.row.hidden = !is;
      if (is) shown += 1;
    }
    count.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown`;
  }

  let waiting = 0;
  search.addEventListener("input", () => {
    // Somebody looks for one person, delivered or not.
    if (search.value && filter.value === "rest") filter.value = "";
    clearTimeout(waiting);
    waiting = setTimeout(apply, 120);
  });
  filter.addEventListener("change", apply);

  const heads = [...document.querySelectorAll("#rows thead th")];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = ({ row }) => {
        const cell = row.cells[column];
        return cell.dataset.sort === undefined ? cell.textContent : Number(cell.dataset.sort || -1);
      };
      const keyed = rows.map((entry) => [key(entry), entry]);
      keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1));
      body.append(...keyed.map(([, entry]) => entry.row));
    });
  });

  apply();
})();
