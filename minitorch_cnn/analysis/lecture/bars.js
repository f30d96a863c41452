// Bar charts as SVG.

/**
 * values: from 0 to 1, of the chart's height. names: below the bars. ticks: [value, text]. marked:
 * whether a bar has the other colour. line: a dashed line at a value.
 * @param {{values: number[], names: string[], ticks: [number, string][], label: string,
 *   marked?: (k: number) => boolean, line?: number, height?: number}} chart
 */
function barChart({ values, names, ticks, label, marked = () => false, line, height = 130 }) {
  const left = 52, below = 26, width = 440, step = (width - left) / values.length;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height + below}`, class: "chart", role: "img", "aria-label": label });
  const y = (value) => 6 + (height - 6) * (1 - value);
  for (const [value, text] of ticks) {
    svg("line", { x1: left, x2: width, y1: y(value), y2: y(value) }, picture);
    svg("text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, picture).textContent = text;
  }
  values.forEach((value, k) => {
    const bar = Math.min(Math.max(value, 0), 1) * (height - 6);
    svg("rect", { x: left + k * step + step * 0.12, y: height - bar, width: step * 0.76, height: bar, class: marked(k) ? "off" : "value" }, picture);
    const every = Math.ceil(values.length / 14);
    if (k % every === 0) svg("text", { x: left + (k + 0.5) * step, y: height + 14, "text-anchor": "middle" }, picture).textContent = names[k];
  });
  if (line !== undefined) svg("line", { x1: left, x2: width, y1: y(line), y2: y(line), class: "dashed" }, picture);
  return picture;
}
