import { gateway } from "./gateway";

const WAIT_MS = 400;

export async function bookPage(isbn: string): Promise<string> {
  const book = await gateway.book(isbn, { timeout: WAIT_MS });
  if (!book) {
    return "We do not have this book. We can look for it.";
  }
  return `${book.title}, ${book.authors.join(" and ")}`;
}
