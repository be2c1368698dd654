'use strict';
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const papers = read('papers');
  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  const config = {
    displaylogo: false, responsive: true, scrollZoom: false, doubleClick: 'reset',
    modeBarButtons: [['toImage']], toImageButtonOptions: { format: 'svg' }, plotlyServerURL: '',
    showSendToCloud: false, showEditInChartStudio: false, showLink: false,
  };
  let printing = false;
  const paper = () => (dark.matches && !printing ? papers.dark : papers.light);

  const inked = (layout) => {
    const changed = { template: paper() .template };
    const scales = (layout.meta && layout.meta.scales) || {};
    for (const [axis, kind] of Object.entries(scales)) changed[axis + '.colorscale'] = paper()[kind];
    return changed;
  };

  const plots = [...document.querySelectorAll('.plot')];

  const draw = (plot) => {
    const figure = read(plot.dataset.figure);
    const layout = { ...figure.layout, autosize: true, template: paper().template };
    for (const [axis, kind] of Object.entries((layout.meta && layout.meta.scales) || {})) {
      layout[axis] = { ...layout[axis], colorscale: paper()[kind] };
    }
    plot.style.minHeight = layout.height + 'px';
    const named = { ...config, toImageButtonOptions: { format: 'svg', filename: plot.dataset.figure } };
    return window.Plotly.newPlot(plot, figure.data, layout, named);
  };

  const repaint = (size) => Promise.all(
    plots.filter((plot) => plot.layout).map((plot) => window.Plotly.relayout(plot, { ...inked(plot.layout), ...size })));

  document.documentElement.classList.add('drawn');
  (async () => {
    for (const plot of plots) await draw(plot);
    document.documentElement.dataset.ready = 'yes';
  })();

  dark.addEventListener('change', () => repaint({}));
  const opened = [];
  window.addEventListener('beforeprint', () => {
    printing = true;
    for (const box of document.querySelectorAll('details[data-print]:not([open])')) { box.open = true; opened.push(box); }
    repaint({ width: 680, autosize: false });
  });
  window.addEventListener('afterprint', () => {
    printing = false;
    while (opened.length) opened.pop().open = false;
    repaint({ width: null, autosize: true });
  });
})();
