// A chart over time with uPlot. Its colours are the page's; its numbers are readable as a table too.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { axisNumber, axisTime, dateTime } from "../lib/format";

export interface Line {
  label: string;
  /** A custom property of the style sheet, for example "--series-new". */
  color: string;
  dashed?: boolean;
  values: (number | null)[];
}

export interface ChartProps {
  title: string;
  /** Seconds since 1970, rising. */
  times: number[];
  lines: Line[];
  format(value: number | null): string;
  /** What the axis shows of the values: a share as percent has 100. The unit is in the title. */
  factor?: number;
  /** Charts of one group show the same moment under the cursor. */
  group?: string;
  /** Moments to mark, such as the start of a stage. */
  marks?: { time: number; label: string }[];
  /** Shares and counts begin at 0 whatever the values are. */
  fromZero?: boolean;
  /** Values are counts: no fractions on the axis. */
  whole?: boolean;
}

const HEIGHT = 168;
const WHOLE_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6];
const FONT = "12px system-ui, sans-serif";

function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Changes when the colours do, so that the canvas is drawn again.
function useColorsVersion(): number {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const changed = () => setVersion((n) => n + 1);
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    const observer = new MutationObserver(changed);
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    system.addEventListener("change", changed);
    return () => {
      observer.disconnect();
      system.removeEventListener("change", changed);
    };
  }, []);
  return version;
}

function markPlugin(marks: { time: number }[]): uPlot.Plugin {
  return {
    hooks: {
      draw: (plot) => {
        const { ctx, bbox } = plot;
        ctx.save();
        ctx.strokeStyle = color("--muted");
        ctx.lineWidth = devicePixelRatio;
        ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
        for (const mark of marks) {
          const x = Math.round(plot.valToPos(mark.time, "x", true));
          if (x < bbox.left || x > bbox.left + bbox.width) continue;
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
        }
        ctx.restore();
      },
    },
  };
}

export function Chart(props: ChartProps) {
  const { title, times, lines, format, factor = 1, group, marks = [], fromZero = false, whole = false } = props;
  const host = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState<number | null>(null);
  const [table, setTable] = useState(false);
  const colors = useColorsVersion();

  const data = useMemo(() => [times, ...lines.map((line) => line.values)] as uPlot.AlignedData, [times, lines]);
  // The plot is made again when its form changes, and only given the new numbers when these change.
  const form = JSON.stringify([lines.map((line) => [line.label, line.color, line.dashed]), marks, fromZero, group, factor, whole]);
  const plot = useRef<uPlot | null>(null);

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const grid = { stroke: color("--grid"), width: 1 };
    const axis: uPlot.Axis = { stroke: color("--muted"), font: FONT, grid, ticks: { show: false } };
    const made = new uPlot(
      {
        width: element.clientWidth || 300,
        height: HEIGHT,
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: {
          drag: { x: false, y: false },
          y: false,
          points: { size: 7 },
          ...(group ? { sync: { key: group } } : {}),
        },
        scales: {
          // One point alone: two minutes around it, where uPlot would show years.
          x: { range: (_plot, low, high) => (times.length === 1 ? [(times[0] ?? 0) - 60, (times[0] ?? 0) + 60] : [low, high]) },
          y: {
            range: (_plot, low, high) => {
              if (low === null || high === null) return [0, 1];
              if (fromZero) return [0, high > 0 ? high * 1.1 : 1];
              const margin = (high - low || Math.abs(high) || 1) * 0.15;
              return [low >= 0 ? Math.max(0, low - margin) : low - margin, high + margin];
            },
          },
        },
        axes: [
          { ...axis, space: 64, size: 34, gap: 9, values: (_p, splits, _a, _s, step) => splits.map((split) => axisTime(split, step)) },
          {
            ...axis,
            size: (_p, values) => 14 + 7.5 * Math.max(2, ...(values ?? []).map((value) => value.length)),
            space: 34,
            ...(whole ? { incrs: WHOLE_STEPS } : {}),
            values: (_p, splits, _a, _s, step) => splits.map((split) => axisNumber(split * factor, step * factor)),
          },
        ],
        series: [
          {},
          ...lines.map((line) => ({
            label: line.label,
            stroke: color(line.color),
            width: 1.75,
            ...(line.dashed ? { dash: [5, 4] } : {}),
            points: { show: times.length === 1 },
          })),
        ],
        hooks: { setCursor: [(u) => setCursor(u.cursor.idx ?? null)] },
        plugins: [markPlugin(marks)],
      },
      data,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [form, colors]);

  useEffect(() => plot.current?.setData(data), [data]);

  const at = cursor !== null && cursor < times.length ? cursor : times.length - 1;
  const time = times[at] === undefined ? null : new Date(times[at] * 1000).toISOString();
  const summary = lines.map((line) => `${line.label} ${format(line.values[times.length - 1] ?? null)}`).join(", ");

  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="chart-values">
          {lines.map((line) => (
            <span key={line.label} class={line.dashed ? "key dashed" : "key"} style={{ "--key": `var(${line.color})` }}>
              {line.label} <b>{format(line.values[at] ?? null)}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={host} class="chart-plot" role="img" aria-label={`${title} over time. Latest: ${summary}.`} />
      <div class="chart-foot">
        <button type="button" class="link" aria-expanded={table} onClick={() => setTable(!table)}>
          {table ? "Hide the numbers" : "Numbers"}
          <span class="visually-hidden"> of {title}</span>
        </button>
        <span class="muted">{dateTime(time)}</span>
      </div>
      {table && (
        <div class="scroll chart-table" tabIndex={0} role="region" aria-label={`${title}, numbers`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                {lines.map((line) => (
                  <th scope="col" class="num" key={line.label}>
                    {line.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.map((value, row) => (
                <tr key={value}>
                  <td>{dateTime(new Date(value * 1000).toISOString())}</td>
                  {lines.map((line) => (
                    <td class="num" key={line.label}>
                      {format(line.values[row] ?? null)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </figure>
  );
}
