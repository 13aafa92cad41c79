declare module "*.css" {
  const text: string;
  export default text;
}

/** The address, Subresource Integrity hash and name of each language but English, from the build. */
declare module "languages:files" {
  const files: Record<string, [url: URL, integrity: string, name: string]>;
  export default files;
}

/** The texts of every language, for the gallery. */
declare module "languages:all" {
  const languages: Record<string, import("./text.ts").Text>;
  export default languages;
}
