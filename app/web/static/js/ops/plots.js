// Plots by uPlot in the page's colours: a title, the newest values in words, and the lines or bars.

import { h } from "../dom.js";

const HEIGHT = 192;
const plots = new Set();

/** `series` are { label, colour, bars } with `colour` the name of a custom property. The x axis is time, the last `span` seconds
 * of it where that is given, or one of classes called by `labels`, which `show` may replace. `whole` says that things are counted. */
export function makePlot(figure, title, series, { span = null, labels = null, whole = false, empty = "Nothing yet." } = {}) {
  const keys = h("figcaption", { class: "keys" });
  const place = h("div", { class: "plot", role: "img", "aria-label": title, hidden: true });
  const none = h("p", { class: "plot-none" }, empty);
  figure.replaceChildren(h("div", { class: "panel-head" }, h("h2", {}, title), keys), place, none);
  const state = { chart: null, data: null, labels, whole };

  function draw() {
    state.chart?.destroy();
    const width = place.clientWidth;
    if (width) state.chart = new uPlot(options(width, series, span, state), state.data, place);
  }
  const plot = {
    show(data, words, newLabels = labels) {
      none.textContent = empty;
      const some = data[0].length > 0 && data.slice(1).some((values) => values.some((value) => value));
      place.hidden = !some;
      none.hidden = some;
      keys.replaceChildren(...series.map((each, at) => h("span", {}, h("span", { class: "key-dot", style: { "--colour": `var(${each.colour})` } }), `${each.label} `, h("span", { class: "key-value" }, words[at]))));
      place.setAttribute("aria-label", `${title}: ${series.map((each, at) => `${each.label} ${words[at]}`).join(", ")}`);
      // Where there is nothing there is no bar, not one without height.
      state.data = data.map((values, at) => (at && series[at - 1].bars ? values.map((value) => value || null) : values));
      state.labels = newLabels;
      if (!some) return;
      state.chart && state.chart.width === place.clientWidth ? state.chart.setData(state.data) : draw();
    },
    /** A word in place of the plot. */
    say(text) {
      none.textContent = text;
      place.hidden = true;
      none.hidden = false;
    },
    redraw: () => state.data && !place.hidden && draw(),
  };
  plots.add(plot);
  return plot;
}

export function keepPlotsTrue() {
  const redraw = () => plots.forEach((plot) => plot.redraw());
  let timer;
  addEventListener("resize", () => (clearTimeout(timer), (timer = setTimeout(redraw, 120))));
  addEventListener("themechange", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

const probe = h("span", { hidden: true });

/** A custom property as a colour that a canvas understands. */
function colour(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

function options(width, series, span, state) {
  const classes = state.labels !== null;
  const axis = { stroke: colour("--ink-soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px 'Instrument Sans', sans-serif" };
  const range = classes ? () => [-0.6, state.labels.length - 0.4] : span ? () => [Date.now() / 1000 - span, Date.now() / 1000] : (_, low, high) => [low - 2400, high + 2400];
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  return {
    width,
    height: HEIGHT,
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    legend: { show: false },
    padding: [8, 18, 0, 0],
    scales: { x: { time: !classes, range }, y: { range: (_, __, high) => [0, Math.max(high * 1.12, 1e-6)] } },
    axes: [
      { ...axis, size: 26, gap: 4, grid: { show: false }, ...(classes ? { splits: () => state.labels.map((_, at) => at), values: () => state.labels } : { values: TIMES }) },
      { ...axis, size: 46, ...(state.whole ? { incrs: COUNTS } : {}), values: (_, values) => values.map((value) => compact.format(value)) },
    ],
    series: [{}, ...series.map((each, at) => oneSeries(each, at, series.length))],
  };
}

function lonely(chart, series) {
  const values = chart.data[series];
  const given = values.flatMap((value, at) => (value === null ? [] : [at]));
  return given.length === 1 ? given : null;
}

const COUNTS = Array.from({ length: 9 }, (_, zeros) => [1, 2, 5].map((digit) => digit * 10 ** zeros)).flat();
// uPlot's own would name the year and the day below; an hour is enough here.
const TIMES = [[86400, "{D}.{M}.", null, null, null, null, null, null, 1], [3600, "{HH}:{mm}", null, null, null, null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]];

function oneSeries(each, at, count) {
  const stroke = colour(each.colour);
  if (each.bars) return { label: each.label, stroke, fill: stroke, points: { show: false }, paths: uPlot.paths.bars({ size: [0.72 / count, 40], align: count === 1 ? 0 : at ? 1 : -1, radius: 0.18 }) };
  // One alone between gaps would not be seen without its point.
  return { label: each.label, stroke, width: 2, points: { size: 5, fill: stroke, filter: lonely }, spanGaps: true, paths: uPlot.paths.spline() };
}
