declare module "*.css" {
  const text: string;
  export default text;
}

/** Where each language but English is, its Subresource Integrity hash and its name: the build's. */
declare module "languages:files" {
  const files: Record<string, [url: URL, integrity: string, name: string]>;
  export default files;
}

/** The words of every language: the gallery's. */
declare module "languages:all" {
  const languages: Record<string, import("./text.ts").Text>;
  export default languages;
}
