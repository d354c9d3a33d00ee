// A click on the head of a column sorts its table: by the numbers that cells begin with, or by text.
// The first click puts the largest first, the next turns the order round.
function valueOf(row, column) {
  const text = row.cells[column].textContent.trim();
  const number = parseFloat(text.replace("−", "-"));
  return Number.isNaN(number) ? text : number;
}

function compare(a, b) {
  if (typeof a !== typeof b) return typeof a === "number" ? 1 : -1;
  return typeof a === "number" ? a - b : b.localeCompare(a);
}

function sort(head) {
  const body = head.closest("table").tBodies[0];
  const sign = head.ariaSort === "descending" ? 1 : -1;
  const rows = [...body.rows];
  rows.sort((a, b) => sign * compare(valueOf(a, head.cellIndex), valueOf(b, head.cellIndex)));
  for (const other of head.parentElement.cells) other.ariaSort = "none";
  head.ariaSort = sign < 0 ? "descending" : "ascending";
  body.append(...rows);
}

document.addEventListener("DOMContentLoaded", () => {
  for (const head of document.querySelectorAll("article table thead th")) {
    head.title = "sort by this column";
    head.style.cursor = "pointer";
    head.addEventListener("click", () => sort(head));
  }
});
