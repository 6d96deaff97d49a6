/** Foreign text made fit for a bounded, single-line field. */

/** `text` with control characters replaced by spaces, cut to at most `most` characters. */
export function boundedText(text: string, most: number): string {
  let kept = "";
  let count = 0;
  for (const character of text) {
    if (count === most) break;
    count++;
    kept += character < " " || character === "\u007f" ? " " : character;
  }
  return kept;
}
