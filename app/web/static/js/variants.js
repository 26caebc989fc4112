// Second pictures for the genres that come often, so that a row of one genre is not a row of one picture.

import { svg } from "./dom.js";
import { between, circle, line, path, rect, ring, times, turned } from "./shapes.js";

export const VARIANTS = {
  Action: (random, [, main, second, spark]) => {
    const x = between(random, 70, 130), y = between(random, 80, 112), count = 18;
    const ray = (n) => {
      const from = (n * 2 * Math.PI) / count, to = from + Math.PI / count;
      return path(`M${x} ${y}L${x + 300 * Math.cos(from)} ${y + 300 * Math.sin(from)}L${x + 300 * Math.cos(to)} ${y + 300 * Math.sin(to)}z`, n % 3 ? main : second, { opacity: n % 2 ? 0.9 : 0.55 });
    };
    return [...times(count, ray), circle(x, y, 36, spark), circle(x, y, 23, main)];
  },
  Adventure: (random, [, main, second, spark]) => {
    const turn = between(random, -40, 40);
    return [ring(100, 108, 74, second, 3), ring(100, 108, 64, main, 1.4), ...times(24, (n) => rect(99, 38, 2, n % 6 ? 6 : 13, second, turned(n * 15, 100, 108))), svg("g", turned(turn, 100, 108), path("M100 48L116 108H84z", spark), path("M100 168L116 108H84z", main)), circle(100, 108, 7, second)];
  },
  Animation: (random, [, main, second, spark]) => {
    const fills = [main, second, spark];
    return times(5, (n) => {
      const y = 178 - n * 40, x = 100 + between(random, -26, 26), size = 40 - n * 3, fill = fills[n % 3];
      const shape = n % 3 === 0 ? rect(x - size, y - 20, size * 2, 40, fill, { rx: 6 }) : n % 3 === 1 ? circle(x, y, 20, fill) : path(`M${x - 26} ${y + 20}L${x} ${y - 20}L${x + 26} ${y + 20}z`, fill);
      return [shape];
    }).flat().concat(circle(between(random, 20, 60), 38, 9, second), circle(between(random, 140, 180), 62, 6, main));
  },
  Comedy: (random, [, main, second, spark]) => {
    const y = between(random, 84, 104), look = between(random, -7, 7);
    return [circle(100, y, 76, main), circle(72, y - 20, 15, spark), circle(128, y - 20, 15, spark), circle(72 + look, y - 18, 7, second), circle(128 + look, y - 18, 7, second), path(`M52 ${y + 14}h96a48 46 0 0 1 -96 0z`, second), path(`M66 ${y + 42}a48 40 0 0 1 68 0a48 46 0 0 1 -68 0z`, spark)];
  },
  Crime: (random, [, main, second, spark]) => {
    const towers = times(7, (n) => ({ x: n * 30 - 6, top: between(random, 60, 150) }));
    const lit = ({ x, top }) => times(12, (n) => (random() < 0.42 ? rect(x + 5 + (n % 3) * 7, top + 10 + Math.floor(n / 3) * 15, 4, 8, random() < 0.15 ? main : spark, { opacity: 0.85 }) : null)).filter(Boolean);
    return [circle(between(random, 40, 160), 52, 22, main), ...towers.flatMap((tower) => [rect(tower.x, tower.top, 27, 240, second), ...lit(tower)])];
  },
  Drama: (random, [, main, second, spark]) => {
    const x = between(random, 64, 136), y = between(random, 88, 118);
    return [circle(x, y, 44, second), rect(0, y, 200, 120, main), ...times(6, (n) => rect(x - 44 + n * 6, y + 8 + n * 13, 88 - n * 12, 3.4, second)), line(`M0 ${y}H200`, spark, 1.6), path(`M${x - 3} ${y - 16}h6v16h-6z`, spark), circle(x, y - 21, 4.2, spark)];
  },
  Fantasy: (random, [, main, second, spark]) => {
    const tower = (x, top, width, fill) => [rect(x, top, width, 240, fill), path(`M${x - 5} ${top}L${x + width / 2} ${top - width * 1.5}L${x + width + 5} ${top}z`, second), rect(x + width / 2 - 3, top + 16, 6, 12, second, { rx: 3 })];
    const x = between(random, 40, 150);
    return [circle(x, 66, 40, second), circle(x + 15, 58, 34, spark, { opacity: 0.92 }), ...tower(44, 134, 26, main), ...tower(126, 122, 28, main), ...tower(82, 104, 34, main), ...times(12, () => circle(random() * 200, random() * 120, between(random, 0.8, 1.8), second))];
  },
  Musical: (random, [, main, second, spark]) => {
    const x = between(random, 74, 126), y = between(random, 92, 112);
    return [circle(x, y, 82, spark), ...times(7, (n) => ring(x, y, 78 - n * 6.5, main, 0.9, { opacity: 0.75 })), path(`M${x} ${y}L${x + 76} ${y - 32}A82 82 0 0 1 ${x + 82} ${y + 6}z`, second, { opacity: 0.35 }), circle(x, y, 30, main), circle(x, y, 15, second), circle(x, y, 3.5, spark)];
  },
  Romance: (random, [, main, second, spark]) => {
    const x = between(random, 60, 140), y = between(random, 62, 88);
    return [circle(x, y, 40, spark), ...times(7, (n) => line(`M-20 ${136 + n * 13}${times(7, (k) => `q20 ${k % 2 ? 9 : -9} 40 0`).join("")}`, n % 2 ? second : main, 3.4)), ...times(5, (n) => rect(x - 24 + n * 4.5, 138 + n * 13, 48 - n * 9, 3.4, spark))];
  },
  "Sci-Fi": (random, [, main, second, spark]) => {
    const x = between(random, 70, 130), horizon = 146;
    const lanes = times(11, (n) => line(`M${100 + (n - 5) * 12} ${horizon}L${100 + (n - 5) * 62} 310`, main, 1.3));
    const bands = times(7, (n) => line(`M0 ${horizon + n * n * 3.4}H200`, main, 1.3));
    return [...times(20, () => circle(random() * 200, random() * 130, between(random, 0.5, 1.4), spark)), circle(x, horizon - 42, 46, second), ...times(4, (n) => rect(x - 50, horizon - 34 + n * 11, 100, 2 + n * 1.4, spark, { opacity: 0.28 })), ...lanes, ...bands];
  },
  Thriller: (random, [, main, second, spark]) => {
    const x = between(random, 76, 124), y = between(random, 88, 112);
    const turns = times(150, (n) => {
      const angle = n * 0.19, r = n * 0.62;
      return `${n ? "L" : "M"}${(x + r * Math.cos(angle)).toFixed(1)} ${(y + r * Math.sin(angle)).toFixed(1)}`;
    });
    return [circle(x, y, 98, second, { opacity: 0.6 }), line(turns.join(""), main, 5, { "stroke-linecap": "round" }), circle(x, y, 7, spark), path(`M${x + 40} ${y + 60}l6 24h-12z`, spark), circle(x + 40, y + 55, 5, spark)];
  },
};
