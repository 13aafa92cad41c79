/* What wit-bindgen's C asks of a C library. A plugin has none: it would import from outside. */
#ifndef STDLIB_H
#define STDLIB_H
#include <stddef.h>
void *malloc(size_t size);
void *realloc(void *start, size_t size);
void free(void *start);
_Noreturn void abort(void);
#endif
