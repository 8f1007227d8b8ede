// Bring the pictures of a page to life: the still one stays for print and if anything fails.
// Vega is loaded only where there is a picture, by a plain script, as pages may be opened as files.
(() => {
  const NARROW = 600; // pixels
  const here = document.currentScript.src;

  function load(address) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = resolve;
      script.onerror = reject;
      document.head.append(script);
    });
  }

  async function bringToLife(figure) {
    const live = figure.querySelector(".picture-live");
    const still = figure.querySelector(".picture-still");
    const spec = JSON.parse(figure.querySelector("script").textContent);
    // On a phone the parts of a picture stand under each other: side by side they would be too small
    if (spec.concat && figure.clientWidth < NARROW) spec.columns = 1;
    const [controls, told, drawing] = ["div", "p", "div"].map((kind) => document.createElement(kind));
    live.append(controls, told, drawing);
    const { view } = await vegaEmbed(drawing, spec, { actions: false, bind: controls, renderer: "svg" });
    controls.className = "picture-controls";
    told.className = "picture-told";
    told.setAttribute("aria-live", "polite");
    told.textContent = view.signal("told");
    view.addSignalListener("told", (_, text) => (told.textContent = text));
    describe(drawing, still.alt);
    sort(controls, spec);
    // Buttons of one name are one group for the whole page, and two pictures may use the same name
    for (const button of controls.querySelectorAll("[type=radio]")) button.name = `${figure.id} ${button.name}`;
    live.hidden = false;
    figure.classList.add("picture-is-live");
  }

  // Vega puts the controls in an order of its own, and gives a group of buttons no name
  function sort(controls, spec) {
    for (const { name, bind } of spec.params) {
      const control = bind && controls.querySelector(`[name="${name}"]`)?.closest(".vega-bind");
      if (!control) continue;
      if (bind.input === "radio") {
        control.setAttribute("role", "group");
        control.setAttribute("aria-label", bind.name);
      }
      controls.append(control);
    }
  }

  // To a screen reader the drawing is one picture, with the description of the still one; the
  // sentence above it tells what the controls change
  function describe(drawing, text) {
    const svg = drawing.querySelector("svg");
    for (const part of svg.querySelectorAll("[role], [aria-label], [aria-roledescription]")) {
      for (const attribute of ["role", "aria-label", "aria-roledescription"]) part.removeAttribute(attribute);
    }
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", text);
  }

  async function start() {
    const figures = [...document.querySelectorAll("figure.picture")];
    if (!figures.length) return;
    await load(new URL("vega.js", here));
    for (const figure of figures) await bringToLife(figure);
  }

  const begin = () => start().catch((error) => console.error("The pictures stay still:", error));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
