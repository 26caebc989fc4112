// The pictures of the covers, 200 by 300, one for each genre. Each takes a source of random numbers from 0 to 1 and the five
// colours, and gives SVG elements. The lower third is where the title stands: what matters is above.

import { svg } from "./dom.js";
import { between, circle, line, path, rect, ring, times, turned } from "./shapes.js";

export const COMPOSITIONS = {
  "Sci-Fi": (random, [, main, second, spark]) => {
    const x = between(random, 60, 140), y = between(random, 75, 115), r = between(random, 34, 50), tilt = between(random, -32, 32);
    return [
      ...times(26, () => circle(random() * 200, random() * 230, between(random, 0.5, 1.5), spark, { opacity: between(random, 0.4, 1) })),
      circle(x, y, r + 26, main, { opacity: 0.22 }), circle(x, y, r, main),
      path(`M${x - r} ${y}a${r} ${r} 0 0 1 ${2 * r} 0a${r} ${r * 0.55} 0 0 0 ${-2 * r} 0z`, second, turned(tilt, x, y)),
      ...times(3, (n) => svg("ellipse", { cx: x, cy: y, rx: r + 20 + n * 13, ry: 9 + n * 5, fill: "none", stroke: spark, "stroke-width": 1.3, opacity: 0.85 - n * 0.2, ...turned(tilt, x, y) })),
      circle(between(random, 20, 180), between(random, 165, 195), between(random, 4, 9), second),
    ];
  },
  Horror: (random, [, main, second, spark]) => {
    const fangs = (y, height, up) => `M-5 ${y}` + times(11, (n) => `L${n * 20 + 6} ${y + (up ? -1 : 1) * between(random, height * 0.45, height)}L${n * 20 + 16} ${y}`).join("") + `V${up ? 320 : -20}H-5z`;
    const x = between(random, 80, 120);
    return [circle(x, 104, between(random, 58, 74), second), circle(x, 104, between(random, 34, 46), main), svg("ellipse", { cx: x, cy: 104, rx: 6, ry: 30, fill: spark }), path(fangs(34, 56, false), main), path(fangs(206, 52, true), second)];
  },
  Romance: (random, [, main, second, spark]) => {
    const gap = between(random, 24, 40), y = between(random, 88, 112), r = 56, tilt = between(random, -35, 35);
    const half = Math.sqrt(r * r - gap * gap);
    return [svg("g", turned(tilt, 100, y), circle(100 - gap, y, r, main), circle(100 + gap, y, r, second), path(`M100 ${y - half}A${r} ${r} 0 0 1 100 ${y + half}A${r} ${r} 0 0 1 100 ${y - half}z`, spark)), ...times(3, (n) => line(`M0 ${188 + n * 9}Q50 ${178 + n * 9} 100 ${188 + n * 9}T200 ${188 + n * 9}`, main, 1.5, { opacity: 0.6 }))];
  },
  Western: (random, [, main, second, spark]) => {
    const x = between(random, 65, 135), y = between(random, 112, 132), mesa = between(random, -10, 60);
    return [circle(x, y, 66, spark), ...times(4, (n) => rect(0, y + 8 + n * 15, 200, 3 + n * 2.4, main)), path(`M${mesa - 60} 210V150l14-8h46l10 12v56z`, second), path(`M${mesa + 85} 210v-42l12-16h60l16 20v38z`, main), path("M0 190Q60 172 110 188T200 182V300H0z", second)];
  },
  Comedy: (random, [, main, second, spark]) => {
    const size = 50, fills = [main, second, spark];
    const tiles = [];
    for (let row = 0; row < 4; row++) for (let column = 0; column < 4; column++) {
      const x = column * size, y = row * size, turn = Math.floor(random() * 4) * 90, fill = fills[Math.floor(random() * 3)], kind = random();
      if (kind < 0.35) tiles.push(path(`M${x} ${y}h${size}a${size} ${size} 0 0 1 ${-size} ${size}z`, fill, turned(turn, x + 25, y + 25)));
      else if (kind < 0.65) tiles.push(path(`M${x} ${y}h${size}a25 25 0 0 1 ${-size} 0z`, fill, turned(turn, x + 25, y + 25)));
      else if (kind < 0.85) tiles.push(circle(x + 25, y + 25, 15, fill));
    }
    return tiles;
  },
  Drama: (random, [, main, second, spark]) => {
    const left = random() < 0.5, x = left ? 0 : 200, y = between(random, 0, 60);
    return [200, 158, 118, 80, 44].map((r, n) => circle(x, y, r, [main, second, spark, main, second][n], { opacity: n === 0 ? 0.55 : 1 })).concat(circle(left ? 160 : 40, between(random, 160, 190), between(random, 8, 16), second));
  },
  Action: (random, [, main, second, spark]) => {
    const tilt = between(random, -36, -22), x = between(random, 70, 150), y = between(random, 70, 110);
    return [circle(x, y, 52, second), svg("g", turned(tilt, 100, 110), times(7, (n) => rect(-80, 28 + n * 26, between(random, 170, 330), between(random, 5, 15), n % 3 === 1 ? spark : main))), circle(x, y, 15, spark)];
  },
  Thriller: (random, [, main, second, spark]) => {
    const x = between(random, 20, 180), end = between(random, 60, 140), stripes = times(9, (n) => rect(n * 24 - 4, 0, 12, 300, second, { opacity: 0.75 }));
    return [...stripes, path(`M${x} -6L${end - 66} 216H${end + 66}z`, main, { opacity: 0.92 }), svg("ellipse", { cx: end, cy: 212, rx: 66, ry: 12, fill: spark }), circle(end, 128, 11, second), path(`M${end - 10} 144h20l7 66h-34z`, second)];
  },
  Animation: (random, [, main, second, spark]) => {
    const x = between(random, 60, 140);
    return [...[104, 84, 64, 44].map((r, n) => path(`M${x - r} 196a${r} ${r} 0 0 1 ${2 * r} 0z`, [main, spark, second, main][n])), ...times(6, () => circle(random() * 200, random() * 84, between(random, 4, 13), [main, second, spark][Math.floor(random() * 3)])), circle(x - 12, 176, 5, spark), circle(x + 12, 176, 5, spark)];
  },
  Children: (random, [, main, second, spark]) => {
    const balloon = (x, y, r, fill) => [line(`M${x} ${y + r}q8 30 -4 90`, spark, 1.6), svg("ellipse", { cx: x, cy: y, rx: r, ry: r * 1.18, fill }), svg("ellipse", { cx: x - r * 0.35, cy: y - r * 0.4, rx: r * 0.18, ry: r * 0.3, fill: spark, opacity: 0.7 })];
    return [...balloon(between(random, 40, 70), between(random, 90, 120), 30, main), ...balloon(between(random, 130, 160), between(random, 60, 90), 34, second), ...balloon(between(random, 90, 110), between(random, 120, 150), 24, spark), ...times(3, (n) => circle(30 + n * 70, 222, 36, spark, { opacity: 0.9 }))];
  },
  Musical: (random, [, main, second, spark]) => times(11, (n) => {
    const height = 30 + 130 * Math.abs(Math.sin(n * 0.55 + random() * 1.4));
    return [rect(10 + n * 16.5, 104 - height / 2, 11, height, n % 3 === 0 ? second : main, { rx: 5.5 }), circle(15.5 + n * 16.5, 104 - height / 2 - 11, 3, spark)];
  }).flat(),
  "Film-Noir": (random, [, main, second, spark]) => {
    const x = between(random, 50, 150), tilt = between(random, -14, 14);
    return [svg("g", turned(tilt, 100, 110), times(13, (n) => path(`M-40 ${n * 19 - 12}H240v${5 + (n % 4)}L-40 ${n * 19 - 4}z`, n % 2 ? main : second, { opacity: 0.2 + 0.055 * n }))), path(`M${x - 46} 214q10 -48 46 -52q36 4 46 52z`, "#0b0b0d"), circle(x, 136, 22, "#0b0b0d"), path(`M${x - 38} 128q38 -16 76 0q-14 6 -20 4l-6 -24q-12 -8 -24 0l-6 24q-8 2 -20 -4z`, "#0b0b0d"), circle(x + 21, 142, 2.4, spark)];
  },
  War: (random, [, main, second, spark]) => {
    const shift = between(random, 0, 26);
    return [...times(6, (n) => path(`M-10 ${n * 38 + shift}l110 -58l110 58v18l-110 -58l-110 58z`, n % 2 ? second : main)), circle(100, 62 + shift, 20, spark)];
  },
  Documentary: (random, [, main, second, spark]) => {
    const fx = between(random, 50, 150), fy = between(random, 60, 140), dots = [];
    for (let row = 0; row < 15; row++) for (let column = 0; column < 13; column++) {
      const x = 10 + column * 15, y = 10 + row * 14.5, near = Math.hypot(x - fx, y - fy);
      dots.push(circle(x, y, Math.max(1, 6.6 - near / 22), near < 34 ? spark : near < 80 ? main : second));
    }
    return dots;
  },
  Fantasy: (random, [, main, second, spark]) => {
    const x = between(random, 85, 115);
    const arch = (half, top, fill) => path(`M${x - half} 215V${top + half}a${half} ${half} 0 0 1 ${2 * half} 0V215z`, fill);
    return [...times(18, () => circle(random() * 200, random() * 130, between(random, 0.7, 1.9), second)), arch(82, 44, main), arch(62, 72, spark), arch(43, 98, main), arch(25, 124, second), circle(between(random, 30, 170), 34, 13, second)];
  },
  Adventure: (random, [, main, second, spark]) => {
    const ridge = (y, rough, fill) => path("M0 300V" + y + times(6, (n) => `L${n * 40 + 20} ${y - between(random, rough * 0.3, rough)}L${n * 40 + 40} ${y - between(random, 0, rough * 0.3)}`).join("") + "V300z", fill);
    return [circle(between(random, 50, 150), between(random, 54, 84), between(random, 24, 38), spark), ridge(140, 64, main), ridge(180, 44, second), ridge(212, 26, main)];
  },
  Crime: (random, [, main, second, spark]) => {
    const x = between(random, 80, 120), y = 116;
    return [...times(9, (n) => svg("ellipse", { cx: x + n * 0.8, cy: y, rx: 8 + n * 8.4, ry: 10 + n * 10.6, fill: "none", stroke: n % 4 === 2 ? main : n % 2 ? second : spark, "stroke-width": 4.2, "stroke-dasharray": `${between(random, 46, 150).toFixed(0)} ${between(random, 6, 16).toFixed(0)}`, "stroke-linecap": "round", ...turned(between(random, -14, 14), x, y) })), circle(x, y, 4, main)];
  },
  Mystery: (random, [, main, second, spark]) => {
    const x = between(random, 85, 115);
    return [...times(6, (n) => ring(x, 98, 34 + n * 22, second, 1.4, { opacity: 0.95 - n * 0.12 })), circle(x, 98, 33, main), path(`M${x - 13} 104h26l13 84h-52z`, main), circle(x, 98, 11, spark), circle(between(random, 20, 180), between(random, 20, 44), 7, spark)];
  },
};
