/** What a site does with the labels: it proposes a text for who cannot see the image. */

const alt = document.getElementById("alt");

document.addEventListener("rotulo:etiquetas", ({ detail }) => {
  const { decision, labels } = detail.answer;
  if (decision === "accept" && alt.value === "") alt.value = labels[0].name;
});
