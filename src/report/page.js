/* Shows the values of a plot under the pointer, or at the point that the arrow keys go to. The curves themselves are
 * drawn already; a page without scripts lacks only this. */
"use strict";

/* Every place with a point, and whether one of the plain lines, which attract, has it. */
function placesOf(figures) {
  const places = new Map();
  for (const line of figures.lines)
    for (const point of line.points) places.set(point[0], places.get(point[0]) || !line.faint);
  return [...places].map(([x, plain]) => ({x, plain})).sort((a, b) => a.x - b.x);
}

function add(parent, name, text) {
  const element = parent.appendChild(document.createElement(name));
  element.textContent = text;
  return element;
}

function equip(plot) {
  const figures = JSON.parse(plot.querySelector("script").textContent);
  const area = plot.querySelector(".area"), places = placesOf(figures), over = [];
  const plain = places.filter(place => place.plain);
  let shown = null;
  if (places.length === 0) return;

  const text = y => String(Number((figures.scale * y).toPrecision(5))) + figures.unit;

  function hide() {
    for (const element of over.splice(0)) element.remove();
    shown = null;
  }

  function put(className, left, top) {
    const element = add(area, "div", "");
    element.className = className;
    element.style.left = 100 * left + "%";
    element.style.top = top + "px";
    over.push(element);
    return element;
  }

  function show(place) {
    if (place === shown) return;
    hide();
    shown = place;
    const left = place.x / figures.end, height = area.clientHeight - figures.above - figures.below;
    put("guide", left, figures.above).style.height = height + "px";
    const tip = put("tip", left, figures.above + 4);
    tip.setAttribute("role", "status");
    add(tip, "b", figures.x + " " + Number(place.x.toFixed(2)));
    for (const line of figures.lines)
      for (const [x, y, low, high] of line.points) {
        if (x !== place.x) continue;
        const spread = low === undefined ? "" : " (" + text(low) + " to " + text(high) + ")";
        add(tip, "span", line.name + " " + text(y) + spread).className = "c" + line.colour;
        put("spot c" + line.colour, left, figures.above + height * (figures.high - y) / (figures.high - figures.low));
      }
    /* Beside the guide, and never beyond the edges of the plot. */
    const at = left * area.clientWidth, beside = left > 0.5 ? at - 10 - tip.offsetWidth : at + 10;
    tip.style.left = Math.max(-48, Math.min(beside, area.clientWidth - tip.offsetWidth)) + "px";
  }

  function nearest(event) {
    const box = area.getBoundingClientRect(), at = (event.clientX - box.left) / box.width * figures.end;
    const closest = list => list.reduce((a, b) => Math.abs(b.x - at) < Math.abs(a.x - at) ? b : a);
    const best = plain.length > 0 ? closest(plain) : places[0];
    return Math.abs(best.x - at) / figures.end * box.width < 12 ? best : closest(places);
  }

  const keys = {
    ArrowLeft: at => Math.max(at - 1, 0), ArrowRight: at => at + 1, Home: () => 0, End: () => Infinity};
  area.addEventListener("pointermove", event => show(nearest(event)));
  area.addEventListener("pointerdown", event => show(nearest(event)));
  area.addEventListener("pointerleave", event => { if (event.pointerType === "mouse") hide(); });
  area.addEventListener("blur", hide);
  window.addEventListener("resize", hide);
  area.addEventListener("keydown", event => {
    const list = plain.length > 0 ? plain : places;
    if (event.key === "Escape") hide();
    if (!(event.key in keys)) return;
    event.preventDefault();
    const at = shown === null ? list.length : list.findIndex(place => place.x >= shown.x);
    show(list[Math.min(keys[event.key](at), list.length - 1)]);
  });
}

for (const plot of document.querySelectorAll(".plot")) equip(plot);
