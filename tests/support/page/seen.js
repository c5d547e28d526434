// What a sighted visitor gets: text that contrasts too little with what is behind it, things too small to hit.
(() => {
  const NORMAL = 4.5;
  const LARGE = 3;
  const SMALLEST_TARGET = 24;

  const colour = (text) => {
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    context.fillStyle = text;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
    return { parts: [red, green, blue], alpha: alpha / 255 };
  };

  const over = (top, bottom) =>
    top.parts.map((part, i) => part * top.alpha + bottom[i] * (1 - top.alpha));

  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(colour(getComputedStyle(at).backgroundColor));
    const canvas = colour(getComputedStyle(document.documentElement).colorScheme.startsWith("dark") ? "#121212" : "#fff");
    return layers.reduce((bottom, top) => over(top, bottom), canvas.parts);
  };

  const luminance = (parts) => {
    const [red, green, blue] = parts.map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };

  const ratio = (first, second) => {
    const [light, dark] = [luminance(first), luminance(second)].sort((one, other) => other - one);
    return (light + 0.05) / (dark + 0.05);
  };

  const visible = (element) =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    element.getBoundingClientRect().width > 1 && !element.closest(".visually-hidden");

  const holdsText = (element) =>
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());

  const poor = (element) => {
    const style = getComputedStyle(element);
    const paint = element instanceof SVGElement ? style.fill : style.color;
    const background = behind(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const found = ratio(over(colour(paint), background), background);
    return found < (large ? LARGE : NORMAL) && `${element.textContent.trim().slice(0, 40)}: ${found.toFixed(2)}`;
  };

  const written = [...document.body.querySelectorAll("*")].filter((element) => holdsText(element) && visible(element));
  // A link among the words of a sentence is as high as they are.
  const inSentence = (element) => element.matches("a") && holdsText(element.parentElement);
  const targets = [...document.querySelectorAll("button, .button, select, input, a, summary")].filter(
    (element) => visible(element) && !inSentence(element) && !element.closest(".skip"),
  );
  const side = (element) => {
    const { width, height } = element.getBoundingClientRect();
    return Math.min(width, height);
  };
  return {
    written: written.length,
    background: luminance(behind(document.body)),
    faint: written.filter((element) => !element.closest(":disabled")).map(poor).filter(Boolean),
    small: targets
      .filter((element) => side(element) < SMALLEST_TARGET)
      .map((element) => element.id || element.textContent),
  };
})();
