// The terminal takes keys without a click, as soon as there is a session to send them to: -loaded says so.
const connected = new MutationObserver(() => {
  if (document.body.classList.contains("-loaded")) {
    connected.disconnect();
    document.querySelector(".xterm-helper-textarea").focus();
  }
});
connected.observe(document.body, { attributeFilter: ["class"] });
