/* Where things are: the grid of days, the panel of one day, the bar of chosen days, on any width. */

export const LAYOUT = `
:host { display: block; box-sizing: border-box; color: var(--fg); background: var(--bg); min-height: 100%; --name: 252px; }
/* Not at the host: there the page around it decides, and Airflow's has larger letters and breaks words. */
main, .tip, dialog { font: 14px/1.45 var(--chakra-fonts-body, Inter, system-ui, sans-serif);
  font-variant-numeric: tabular-nums; overflow-wrap: normal; word-break: normal; }
*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
main { padding: 20px 24px 24px; max-width: 1920px; margin: 0 auto; container: page / inline-size; }
:host([brief]) main { padding: 12px 0; }
h1 { margin: 0 0 4px; font-size: 13px; font-weight: 600; color: var(--quiet); }
h2 { margin: 0; font-size: 16px; font-weight: 600; }
h3 { margin: 16px 0 4px; font-size: 13px; font-weight: 600; }
p { margin: 0; }
a { color: var(--brand-fg); text-underline-offset: 2px; }
small, .quiet { color: var(--quiet); font-size: 12px; }
code { font: 12px/1.5 ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
:focus-visible { outline: 2px solid var(--brand-fg); outline-offset: 2px; }
button, input, select { font: inherit; color: inherit; }
button { cursor: pointer; border: 1px solid var(--line); border-radius: 6px; background: var(--panel); padding: 5px 12px; min-height: 32px;
  font-weight: 500; font-size: 13px; white-space: nowrap; }
button:hover:not(:disabled) { background: var(--softer); }
button:disabled { cursor: default; opacity: .55; }
button.main { background: var(--brand); border-color: var(--brand); color: var(--on-brand); }
button.main:hover:not(:disabled) { background: color-mix(in oklab, var(--brand) 86%, var(--fg)); }
button.plain { border-color: transparent; background: none; }
input, select { border: 1px solid var(--line); border-radius: 6px; background: var(--panel); padding: 4px 8px; min-height: 32px; font-size: 13px; }
input[type="text"] { width: 7.6rem; }
input:invalid { border-color: var(--failed); }
input[type="checkbox"] { min-height: 0; accent-color: var(--brand); margin: 0; width: 15px; height: 15px; }
.row-of { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.head { position: relative; display: flex; flex-wrap: wrap; gap: 12px 32px; justify-content: space-between; align-items: flex-start; }
.said { flex: 1 1 24rem; }
.headline { font-size: 22px; line-height: 1.35; font-weight: 600; letter-spacing: -.012em; margin: 0 0 4px; text-wrap: balance; max-width: 46em; }
.wanting { color: var(--missing-text); }
.urgent { color: var(--missing-text); text-decoration: underline 2px var(--urgent); text-underline-offset: 4px; }
.failed { color: var(--failed-text); }
.well { color: var(--well-text); }
.filters { margin: 16px 0 10px; gap: 8px 16px; }
.filters label { display: inline-flex; align-items: center; gap: 6px; font-size: 13px; color: var(--quiet); }
.filters label > :is(input, select) { color: var(--fg); }
.legend { margin: 0 0 12px; gap: 6px; }
.legend button { display: inline-flex; align-items: center; gap: 7px; min-height: 28px; padding: 3px 10px 3px 8px; border-radius: 14px; font-size: 12px; font-weight: 400; }
.legend button[aria-pressed="true"] { border-color: var(--brand-fg); background: var(--brand-soft); font-weight: 500; }
.legend b { font-weight: 600; }
.legend .key { display: inline-flex; align-items: center; gap: 7px; font-size: 12px; color: var(--quiet); padding: 0 4px; }
.legend .keys { display: flex; flex-wrap: wrap; gap: 6px; }
.legend .ramp { display: inline-flex; gap: 2px; }
.notice { border: 1px solid var(--line); border-left: 4px solid var(--brand); border-radius: 6px; background: var(--panel); padding: 10px 14px; margin: 12px 0; }
.notice.failed-notice { border-left-color: var(--failed); }
.notice summary { cursor: pointer; font-weight: 500; }
.notice ul { margin: 8px 0 0; padding-left: 18px; overflow-wrap: anywhere; }
.blank { border: 1px dashed var(--line); border-radius: 10px; padding: 56px 24px; text-align: center; margin-top: 20px; }
.blank h2 { margin-bottom: 8px; }
.blank p { max-width: 38rem; margin: 0 auto 16px; color: var(--quiet); overflow-wrap: anywhere; }
.body { display: flex; gap: 16px; align-items: flex-start; }

/* The grid: one scroller, with the name of a row at its left and its sums at its right. */
.scroller { flex: 1 1 auto; min-width: 0; overflow: auto; max-height: max(26rem, calc(100vh - 17rem)); border: 1px solid var(--line); border-radius: 10px;
  background: var(--panel); container-type: inline-size; overscroll-behavior-x: contain; }
.days { position: relative; width: max-content; min-width: 100%; }
.line { display: grid; grid-template-columns: var(--name) minmax(max-content, 1fr); border-top: 1px solid var(--line); }
.axis { position: sticky; top: 0; z-index: 3; background: var(--soft); border-top: 0; font-size: 11px; color: var(--quiet); height: 40px; }
.name { position: sticky; left: 0; z-index: 2; background: var(--panel); border-right: 1px solid var(--line); padding: 7px 10px; min-width: 0; }
.axis .name { background: var(--soft); display: flex; align-items: flex-end; padding-bottom: 6px; }
.name button { display: flex; gap: 6px; width: 100%; text-align: left; padding: 0 2px; min-height: 24px; border: 0; background: none; font-weight: 600; align-items: center; }
.name button > span:last-child { line-height: 1.3; white-space: normal; overflow-wrap: anywhere; }
.name button:hover { background: none; color: var(--brand-fg); }
.name .turn { width: 12px; flex: none; }
.name [aria-expanded="true"] .turn { transform: rotate(90deg); }
.name small { display: block; padding-left: 20px; line-height: 17px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.name small.urgent b { text-decoration: underline 2px var(--urgent); text-underline-offset: 3px; }
.track { position: relative; display: flex; padding: 0 8px; touch-action: pan-x pan-y; user-select: none; }
.month { display: flex; flex: none; position: relative; align-items: flex-end; contain: layout style; }
.axis .month { align-items: flex-start; }
.axis .month > b { position: sticky; left: calc(var(--name) + 4px); padding: 4px 2px 0; font-weight: 600; color: var(--fg); white-space: nowrap; }
.month + .month { box-shadow: -1px 0 var(--line); }
.tick { position: absolute; bottom: 5px; width: var(--w); text-align: center; font-size: 10px; white-space: nowrap; }
.c { width: var(--w); padding: 40px var(--gap) 8px 0; position: relative; cursor: pointer; scroll-margin: 48px 16px 16px calc(var(--name) + 8px); }
.c > .box { width: calc(var(--w) - var(--gap)); height: calc(var(--w) - var(--gap)); }
.c.has::before { content: ""; position: absolute; left: 1px; right: calc(var(--gap) + 1px); bottom: calc(9px + var(--w) - var(--gap)); height: var(--bar-height, 0); background: var(--bar); border-radius: 2px 2px 0 0; opacity: .75; }
.c:hover > .box { filter: brightness(.94) saturate(1.15); }
.c:focus { outline: none; }
.c:focus > .box { outline: 2px solid var(--brand-fg); outline-offset: 1px; z-index: 1; }
.c.none { cursor: default; }
.c.aside { opacity: .14; }
.c[aria-selected="true"] { background: var(--brand-soft); box-shadow: inset 0 2px var(--brand-fg), inset 0 -2px var(--brand-fg); }
.kept { position: absolute; top: 0; bottom: 0; width: 0; border-left: 2px solid var(--quiet); pointer-events: none; }
.kept > span { position: absolute; left: 3px; top: 4px; font-size: 10px; line-height: 14px; white-space: nowrap; color: var(--quiet); background: var(--panel); border-radius: 3px; padding: 0 3px; }
.kept.assumed { border-left-style: dashed; }
.gone { position: absolute; top: 0; bottom: 0; left: 0; pointer-events: none; background: repeating-linear-gradient(135deg, transparent 0 6px, color-mix(in oklab, var(--quiet) 9%, transparent) 6px 7px); }

/* An opened row: its calendar, as wide as what is seen. */
.opened { border-top: 1px solid var(--line); background: var(--soft); }
.opened > div { position: sticky; left: 0; width: 100cqi; padding: 14px 20px 20px; display: flex; flex-wrap: wrap; gap: 20px 40px; }
.opened h2 { flex-basis: 100%; margin-bottom: -14px; }
.opened h3 { margin-top: 10px; }
.years { flex: 1 1 0; min-width: min(100%, 30rem); max-width: max-content; }
.year { overflow-x: auto; padding: 4px 2px; }
.weeks { --w: 16px; --gap: 2px; display: grid; grid-template-columns: 32px; grid-auto-flow: column; grid-template-rows: 14px repeat(7, 17px); grid-auto-columns: 17px; width: max-content; font-size: 10px; color: var(--quiet); }
.weeks .c { padding: 1.5px; width: 17px; height: 17px; }
.weeks .c[aria-selected="true"] { box-shadow: 0 0 0 1.5px var(--brand-fg); border-radius: 3px; }
.weeks .c.has::before { display: none; }
.weeks .day { width: 30px; line-height: 17px; }
.weeks [role="row"], .weeks [role="rowgroup"] { display: contents; }
.facts { flex: 0 1 25rem; font-size: 13px; }
.facts .tally { gap: 4px 14px; margin: 10px 0; font-size: 12px; }
.facts .tally span { display: inline-flex; gap: 6px; align-items: center; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 14px; margin: 8px 0; font-size: 13px; }
dt { color: var(--quiet); }
.plain-list { margin: 0; padding: 0; list-style: none; }
dd { margin: 0; overflow-wrap: anywhere; }

.panel { flex: 0 0 340px; border: 1px solid var(--line); border-radius: 10px; background: var(--panel); padding: 14px 18px 18px; position: sticky; top: 12px; max-height: calc(100vh - 24px); overflow: auto; }
.panel header { display: flex; justify-content: space-between; gap: 8px; align-items: flex-start; }
.panel .state { display: flex; gap: 9px; align-items: flex-start; margin: 8px 0; }
.panel .state .box { margin-top: 3px; }
.panel section { border-top: 1px solid var(--line); margin-top: 12px; padding-top: 10px; }
.panel ul { margin: 4px 0; padding-left: 18px; font-size: 13px; }
.tag { font-size: 11px; border: 1px solid var(--line); border-radius: 4px; padding: 0 5px; color: var(--quiet); white-space: nowrap; }
.tip { position: fixed; z-index: 20; max-width: 300px; padding: 7px 10px; border-radius: 6px; background: var(--fg); color: var(--bg); font-size: 12px; pointer-events: none; box-shadow: 0 4px 14px rgb(0 0 0 / .22); }
.tip b { display: block; }
.bar { position: sticky; bottom: 12px; z-index: 10; margin: 14px auto 0; width: fit-content; max-width: 100%; display: flex; flex-wrap: wrap; gap: 8px 18px; align-items: center; padding: 10px 12px 10px 18px;
  border: 1px solid var(--line); border-radius: 10px; background: var(--panel); box-shadow: 0 6px 28px rgb(0 0 0 / .18); }
dialog { color: var(--fg); background: var(--panel); border: 1px solid var(--line); border-radius: 12px; padding: 20px 24px; width: min(34rem, calc(100vw - 24px)); box-shadow: 0 20px 60px rgb(0 0 0 / .3); }
dialog p { margin: 6px 0; }
dialog details { margin-top: 10px; }
dialog::backdrop { background: rgb(8 12 24 / .45); }
dialog pre { margin: 8px 0; padding: 10px 12px; background: var(--soft); border: 1px solid var(--line); border-radius: 6px; max-height: 9rem; overflow: auto; white-space: pre-wrap; }
dialog footer { display: flex; flex-wrap: wrap; justify-content: flex-end; gap: 8px; margin-top: 16px; }
.hidden-words { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.foot { margin-top: 12px; color: var(--quiet); font-size: 12px; max-width: 64rem; }

@media (max-width: 720px) { main { padding: 14px 12px; } }
@container page (max-width: 1080px) {
  .body { flex-direction: column; align-items: stretch; }
  .panel { position: sticky; z-index: 12; top: auto; bottom: 12px; flex: none; align-self: flex-end; max-height: min(64vh, 40rem); width: min(380px, 100%); box-shadow: 0 8px 36px rgb(0 0 0 / .28); }
}
@container page (max-width: 720px) {
  .headline { font-size: 18px; }
  .line:not(.axis) { grid-template-columns: 1fr; }
  .line:not(.axis) > .name { position: sticky; left: 0; width: 100cqi; border: 0; padding: 8px 12px 0; background: none; }
  .line:not(.axis) .c { padding-top: 28px; }
  .filters { display: grid; grid-template-columns: 1fr 1fr; gap: 10px 12px; }
  .filters label:not(:has([type="checkbox"])) { display: grid; gap: 2px; }
  .filters :is(select, input[type="text"]) { width: 100%; min-width: 0; }
  .legend { flex-wrap: nowrap; overflow-x: auto; padding: 3px 0; }
  .legend > *, .legend .keys { flex: none; flex-wrap: nowrap; }
  .axis { grid-template-columns: 1fr; }
  .axis > .name { display: none; }
  .axis .month > b { left: 8px; }
  .scroller { max-height: none; }
  .c { scroll-margin-left: 16px; }
  .opened > div { padding: 12px; }
  .bar { width: auto; }
}
`;
