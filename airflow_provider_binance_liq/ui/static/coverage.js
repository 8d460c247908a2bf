/* <binance-liq-coverage>: says how many days of each history are proven. */

class Coverage extends HTMLElement {
  connectedCallback() {
    const text = document.getElementById("coverage")?.textContent;
    const found = text ? JSON.parse(text).histories : [];
    this.textContent = found
      .map((one) => `${one.id}: ${[...one.states].filter((letter) => "pe".includes(letter)).length} days proven`)
      .join("\n");
  }
}

customElements.define("binance-liq-coverage", Coverage);
