/** Gives each example of the reference a button that copies it. */

const template = document.getElementById("copy-template");
const announcement = document.getElementById("announcement");

for (const example of document.querySelectorAll(".example")) {
  const button = template.content.cloneNode(true).firstElementChild;
  const shown = example.querySelector("pre");
  button.setAttribute("aria-label", `${button.textContent}: ${shown.getAttribute("aria-label")}`);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(shown.textContent);
    announcement.textContent = button.dataset.copied;
  });
  example.append(button);
}
