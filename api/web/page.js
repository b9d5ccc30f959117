// What makes the pages better where scripts run; everything works without.
"use strict";

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

// ---- suggestions, as the ARIA practices describe a combobox with a list -------------------------

function suggesting(input) {
  const list = document.createElement("ul");
  list.id = "suggestions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Suggestions");
  list.hidden = true;
  input.after(list);
  const told = document.createElement("span");
  told.className = "unseen";
  told.setAttribute("role", "status");
  list.after(told);
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"],
    ["aria-controls", list.id], ["autocomplete", "off"]]) input.setAttribute(name, value);
  let found = [], at = -1, waiting = 0, asked = "";

  const close = () => {
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = (place) => {
    at = place;
    $$("li", list).forEach((item, number) => item.setAttribute("aria-selected", String(number === at)));
    if (at < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", `suggestion-${at}`);
  };
  const take = (one) => {
    if (one.record) { location.href = `/records/${encodeURIComponent(one.record)}`; return; }
    const params = new URLSearchParams(new FormData(input.form));
    params.set("q", one.asks.q || "");
    for (const [name, value] of Object.entries(one.asks)) if (name !== "q") params.append(name, value);
    for (const [name, value] of [...params]) if (!value) params.delete(name, value);
    location.href = `/?${params}`;
  };
  const show = (suggestions) => {
    found = suggestions;
    list.replaceChildren(...found.map((one, number) => {
      const item = document.createElement("li");
      item.id = `suggestion-${number}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      const text = document.createElement("span");
      text.textContent = one.text;
      const more = document.createElement("span");
      more.className = "n";
      more.textContent = `${one.kind}${one.record ? "" : ` · ${one.count.toLocaleString("en")}`}`;
      item.append(text, more);
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(one); });
      return item;
    }));
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    told.textContent = found.length ? `${found.length} suggestions` : "";
    mark(-1);
  };
  const ask = async () => {
    const typed = input.value.trim();
    asked = typed;
    if (typed.length < 2 || typed.length > 100) { show([]); return; }
    const answer = await fetch(`/api/v1/suggest?size=8&q=${encodeURIComponent(typed)}`);
    if (!answer.ok || asked !== typed || document.activeElement !== input) return;
    show((await answer.json()).suggestions);
  };
  input.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(ask, 80); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !list.hidden) { event.preventDefault(); close(); }
    else if (event.key === "ArrowDown" && found.length) { event.preventDefault(); list.hidden = false; mark((at + 2) % (found.length + 1) - 1); }
    else if (event.key === "ArrowUp" && found.length) { event.preventDefault(); list.hidden = false; mark((at + found.length + 1) % (found.length + 1) - 1); }
    else if (event.key === "Enter" && at >= 0 && !list.hidden) { event.preventDefault(); take(found[at]); }
  });
}

// ---- a range drawn over bars -----------------------------------------------------------------------

function drawing(svg) {
  const bars = $$("a", svg);
  let first = null, moved = false;
  const barAt = (event) => {
    const place = (event.clientX - svg.getBoundingClientRect().left) / svg.getBoundingClientRect().width;
    const x = place * svg.viewBox.baseVal.width;
    return bars.reduce((best, bar) => Math.abs(+bar.dataset.x - x) < Math.abs(+best.dataset.x - x) ? bar : best);
  };
  const between = (one, other) => {
    const [low, high] = [bars.indexOf(one), bars.indexOf(other)].sort((a, b) => a - b);
    return bars.slice(low, high + 1);
  };
  svg.addEventListener("pointerdown", (event) => { first = barAt(event); moved = false; });
  svg.addEventListener("pointermove", (event) => {
    if (!first) return;
    const range = between(first, barAt(event));
    moved ||= range.length > 1;
    bars.forEach((bar) => bar.classList.toggle("on", moved && range.includes(bar)));
  });
  addEventListener("pointerup", (event) => {
    if (first && moved) {
      const range = between(first, barAt(event));
      const params = new URLSearchParams(svg.dataset.kept);
      params.append(svg.dataset.name, `${range[0].dataset.low}..${range.at(-1).dataset.high}`);
      location.href = `/?${params}`;
    }
    first = null;
  });
  svg.addEventListener("click", (event) => { if (moved) event.preventDefault(); moved = false; });
  svg.addEventListener("dragstart", (event) => event.preventDefault());
}

// ---- facets that are counted when they are opened ---------------------------------------------------

function opening(details) {
  const all = $("li", details);
  details.addEventListener("toggle", async () => {
    if (!details.open || details.dataset.asked) return;
    details.dataset.asked = "yes";
    const name = details.dataset.facet, link = new URL($("a", all).href);
    const asked = new URLSearchParams(link.search);
    for (const each of ["sort", "size", "view", "facets", "facet_size", "histograms"]) asked.delete(each);
    asked.set("size", "6");
    const answer = await fetch(`/api/v1/facets/${name}?${asked}`);
    if (!answer.ok) return;
    const { values } = await answer.json();
    all.before(...values.map((value) => {
      const item = document.createElement("li"), to = document.createElement("a"), count = document.createElement("span");
      to.href = `/?${new URLSearchParams([...link.searchParams, [name, value.value]])}`;
      to.textContent = value.label;
      count.className = "n";
      count.textContent = value.count.toLocaleString("en");
      item.append(to, " ", count);
      return item;
    }));
  });
}

// ---- small things ----------------------------------------------------------------------------------

function copying(button) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText($(`#${button.dataset.copies}`).textContent.trim());
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1500);
  });
}

$$("input[data-suggests]").forEach(suggesting);
$$("svg[data-name]").forEach(drawing);
$$("button[data-copies]").forEach(copying);
$$("details[data-facet]").forEach(opening);
if (matchMedia("(max-width: 52rem)").matches) $$(".facets > details").forEach((each) => { each.open = false; });
