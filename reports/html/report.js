"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const parts = [...document.querySelectorAll(".part")];
  const links = [...document.querySelectorAll("nav a")];
  let drawn = false;
  document.documentElement.classList.add("js");

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // The part that the address names, or that has in it what the address names.
  function show() {
    const id = decodeURIComponent(location.hash.slice(1));
    const cell = id.startsWith("cell-");
    const target = document.getElementById(cell ? "matrix" : id);
    const part = (target && target.closest(".part")) || parts[0];
    for (const each of parts) each.classList.toggle("shown", each === part);
    for (const link of links) {
      if (link.hash === "#" + part.id) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (part.id === "matrix") draw();
    if (target && target.tagName === "DETAILS") target.open = true;
    if (cell) choose(...id.slice(5).split("-").map(Number));
    else if (target && target !== part) target.scrollIntoView();
    else scrollTo(0, 0);
  }

  function draw() {
    if (drawn) return;
    drawn = true;
    const { classes, rows, cells } = data.matrix;
    const head = element("tr", {}, element("th", { scope: "col" }, "Instruction"), ...classes.map((name) => element("th", { scope: "col" }, name)));
    const body = element("tbody");
    rows.forEach((name, row) => {
      const line = element("tr", { "data-name": name }, element("th", { scope: "row" }, name));
      if (cells[row].some((cell) => !cell[0])) line.dataset.uncovered = "1";
      cells[row].forEach(([judged, , broken], column) => {
        const level = judged ? Math.min(5, 1 + Math.floor(Math.log10(judged))) : 0;
        const found = broken.length ? `, ${plural(broken.length, "finding")}` : "";
        line.append(element("td", {}, element("button", {
          type: "button", class: `l${level}${broken.length ? " broken" : ""}`, "data-cell": `${row}-${column}`, "aria-pressed": "false",
          "aria-label": `${name}, ${classes[column]}: ${judged ? judged + " judged" : "never judged"}${found}`,
        }, judged ? short(judged) : "0")));
      });
      body.append(line);
    });
    const table = element("table", { class: "matrix" }, element("thead", {}, head), body);
    document.getElementById("matrix-table").replaceChildren(table);
    table.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      history.replaceState(null, "", "#cell-" + button.dataset.cell);
      choose(...button.dataset.cell.split("-").map(Number));
    });
    table.addEventListener("keydown", move);
    filter();
  }

  function plural(number, name) {
    return `${number} ${name}${number === 1 ? "" : "s"}`;
  }

  function short(number) {
    return number < 1e4 ? String(number) : number < 1e6 ? (number / 1e3).toFixed(0) + "k" : (number / 1e6).toFixed(1) + "M";
  }

  // Arrow keys go from cell to cell.
  function move(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const button = event.target.closest("button");
    if (!step || !button) return;
    const lines = [...button.closest("tbody").rows].filter((line) => !line.hidden);
    const line = lines[lines.indexOf(button.closest("tr")) + step[0]];
    const next = line && line.querySelectorAll("button")[Number(button.dataset.cell.split("-")[1]) + step[1]];
    if (!next) return;
    next.focus();
    event.preventDefault();
  }

  function choose(row, column) {
    const { classes, rows, cells } = data.matrix;
    if (!cells[row] || !cells[row][column]) return;
    const [judged, features, broken, examples] = cells[row][column];
    for (const each of document.querySelectorAll(".matrix [aria-pressed=true]")) each.setAttribute("aria-pressed", "false");
    document.querySelector(`[data-cell="${row}-${column}"]`).setAttribute("aria-pressed", "true");
    const panel = document.getElementById("cell");
    panel.replaceChildren(
      element("h2", {}, rows[row]),
      element("p", { class: "note" }, classes[column]),
      element("p", {}, judged ? `${judged} judged executions of programs with it, ${plural(features, "feature")}.` : "Never judged here."),
    );
    if (broken.length) {
      const items = broken.map((at) => element("li", {}, element("a", { href: "#finding-" + at }, data.findings[at][0])));
      panel.append(element("h3", {}, "Findings"), element("ul", {}, ...items));
    }
    if (examples.length) {
      const items = examples.map(([operands, code, file]) => element("li", {},
        operands || "no operands", element("br"), element("code", {}, code || "no code"), element("br"),
        element("span", { class: "note" }, file ? "corpus/" + file : "its case was not needed and dropped")));
      panel.append(element("h3", {}, "Cases"), element("ul", {}, ...items));
    }
  }

  function filter() {
    const wanted = document.getElementById("filter").value.toUpperCase().trim();
    const uncovered = document.getElementById("uncovered").checked;
    let shown = 0;
    for (const line of document.querySelectorAll(".matrix tbody tr")) {
      line.hidden = !line.dataset.name.includes(wanted) || (uncovered && !line.dataset.uncovered);
      shown += !line.hidden;
    }
    document.getElementById("shown").textContent = `${shown} instructions`;
  }

  document.getElementById("filter").addEventListener("input", filter);
  document.getElementById("uncovered").addEventListener("change", filter);
  addEventListener("hashchange", show);
  addEventListener("beforeprint", draw);
  show();
})();
