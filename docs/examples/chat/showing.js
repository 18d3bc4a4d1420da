/** How messages look. What people wrote goes into the page as text, never as HTML. */
import { content } from "./server.js";

const [LINK, PICTURES, WIDEST] = [/https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]]/g, 300, 320];
export const EMOJI = ["👍", "❤️", "😂", "🎉"];
export const $ = (selector, within = document) => within.querySelector(selector);

/** An element with properties and children; strings become text. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** An element of a message; `act(name, message, detail)` is told which of its buttons was pressed. */
export function drawMessage(message, { me, firstUnread, tools, act }) {
  const item = $("#message").content.firstElementChild.cloneNode(true);
  const at = new Date(message.created_at);
  Object.assign(item.dataset, { id: message.id, number: message.number, cid: message.cid ?? "" });
  item.classList.toggle("own", message.author.user === me);
  item.classList.toggle("first-unread", message.number === firstUnread);
  item.classList.toggle("deleted", Boolean(message.deleted_at));
  $(".author", item).textContent = message.author.name + (message.author.is_bot ? " · bot" : "");
  Object.assign($("time", item), { dateTime: at.toISOString(), title: at.toLocaleString(), textContent: clock(at) });
  $(".note", item).textContent = message.note ?? (message.edited_at ? "edited" : "");
  if (message.deleted_at) {
    $(".text", item).textContent = "This message was deleted.";
    return item;
  }
  $(".text", item).append(...withLinks(message.text));
  $(".files", item).append(...message.files.map(drawFile));
  $(".previews", item).append(...message.previews.map(drawPreview));
  const button = (text, label, name, detail) =>
    make("button", { type: "button", textContent: text, ariaLabel: label, title: label, onclick: () => act(name, message, detail) });
  for (const [emoji, count] of Object.entries(message.reactions)) {
    const chip = button(`${emoji} ${count}`, `React with ${emoji}`, "react", emoji);
    chip.ariaPressed = String(message.my_reactions.includes(emoji));
    $(".reactions", item).append(chip);
  }
  const replies = $(".replies", item);
  replies.hidden = !message.reply_count;
  replies.textContent = message.reply_count === 1 ? "1 answer" : `${message.reply_count} answers`;
  replies.onclick = () => act("thread", message);
  $(".tools", item).append(...tools(message).map((tool) => button(...tool)));
  return item;
}

const clock = (at) => at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

function withLinks(text) {
  const [parts, found] = [text.split(LINK), text.match(LINK) ?? []];
  const link = (url) => make("a", { href: url, rel: "noopener noreferrer nofollow", target: "_blank", textContent: url });
  return parts.flatMap((part, index) => (found[index] ? [part, link(found[index])] : [part]));
}

const drawPreview = ({ url, title, description, site_name }) =>
  make(
    "a",
    { className: "preview", href: /^https?:/.test(url) ? url : "#", rel: "noopener noreferrer nofollow", target: "_blank" },
    make("small", {}, site_name),
    make("strong", {}, title),
    description,
  );

/** File id → promise of an address of its smaller copy; the oldest are given back. */
const pictures = new Map();

function picture(id) {
  if (!pictures.has(id)) pictures.set(id, content(`chat/files/${id}/thumbnail/`));
  if (pictures.size > PICTURES) {
    const [oldest, address] = pictures.entries().next().value;
    pictures.delete(oldest);
    address.then(URL.revokeObjectURL, () => {});
  }
  return pictures.get(id);
}

function drawFile(file) {
  const link = make("a", { href: "#", title: `${file.filename}, ${Math.ceil(file.size / 1024)} KiB`, className: file.kind });
  link.onclick = async (event) => {
    event.preventDefault();
    const href = await content(`chat/files/${file.id}/content/`);
    make("a", { href, download: file.filename }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  };
  if (file.kind !== "image") {
    link.append(`📄 ${file.filename}`);
    return link;
  }
  // Its place is kept, so nothing jumps when it arrives.
  const scale = Math.min(1, WIDEST / Math.max(file.width, file.height));
  const image = make("img", { alt: file.filename, width: file.width * scale, height: file.height * scale });
  picture(file.id).then((address) => (image.src = address), () => pictures.delete(file.id));
  link.append(image);
  return link;
}
