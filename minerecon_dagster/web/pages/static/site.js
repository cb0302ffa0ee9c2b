// What a page does beyond HTML: copy the embedding code, and ask again whether today's figures have changed.
"use strict";
(() => {
  const copyEmbeds = () => {
    for (const button of document.querySelectorAll("[data-copy-embed]")) {
      if (!navigator.clipboard) continue;
      button.hidden = false;
      button.addEventListener("click", async () => {
        const address = new URL(button.dataset.copyEmbed, location.href).href.replaceAll("&", "&amp;");
        await navigator.clipboard.writeText(`<iframe src="${address}" width="100%" height="520" title="Wind curtailment" loading="lazy"></iframe>`);
        button.textContent = "Copied";
      });
    }
  };

  const everySeconds = Number(document.body.dataset.askAgainS || 0);
  let etag = null;
  let timer = null;

  const ask = async (method) => {
    const headers = etag ? { "If-None-Match": etag } : {};
    const answer = await fetch(location.href, { method, headers, cache: "no-store", credentials: "same-origin" });
    if (answer.headers.get("Minerecon-Stale")) return said("the warehouse cannot be reached, these figures are from before");
    if (answer.status === 304) return said("asked again, nothing has changed");
    if (!answer.ok) return said("the figures could not be asked for again");
    const known = etag;
    etag = answer.headers.get("ETag");
    if (method === "HEAD" || known === etag) return undefined;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#page");
    if (page) document.querySelector("#page").replaceWith(document.adoptNode(page));
    copyEmbeds();
    return said("the figures are new");
  };

  const said = (what) => {
    const line = document.querySelector(".asked");
    if (!line) return;
    line.hidden = false;
    line.textContent = `As of ${new Date().toISOString().slice(11, 16)} UTC: ${what}.`;
  };

  const schedule = () => {
    clearInterval(timer);
    timer = null;
    if (!document.hidden) timer = setInterval(() => ask("GET").catch(() => said("the server cannot be reached")), everySeconds * 1000);
  };

  copyEmbeds();
  if (everySeconds) {
    ask("HEAD").catch(() => undefined);
    schedule();
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) ask("GET").catch(() => said("the server cannot be reached"));
      schedule();
    });
  }
})();
