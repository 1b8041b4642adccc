/** What the editor's page does beyond its plain form; each module says what it adds. */

import "./intake.js";
import "./camera.js";

document.documentElement.toggleAttribute("data-scripted", true);
