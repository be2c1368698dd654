// Browsers refuse workers to pages opened from a file; the site's search then runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      window.addEventListener("message", (event) => {
        if (event.source !== this.frame.contentWindow) return;
        if (event.data === "search worker ready") {
          this.ready = true;
          this.waiting.splice(0).forEach((message) => this.postMessage(message));
          return;
        }
        const answer = new MessageEvent("message", { data: event.data });
        this.dispatchEvent(answer);
        if (this.onmessage) this.onmessage(answer);
      });
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.srcdoc = `<script>
        window.postMessage = (message) => parent.postMessage(message, "*");
        window.importScripts = (...urls) => Promise.all(urls.map((src) => new Promise((done) =>
          document.head.append(Object.assign(document.createElement("script"), { src, onload: done })))));
      </script><script src="${url}"></script><script>parent.postMessage("search worker ready", "*");</script>`;
      document.documentElement.append(this.frame);
    }
    postMessage(message) {
      if (!this.ready) this.waiting.push(message);
      else this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data: message }));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
