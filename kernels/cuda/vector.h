// Reads and writes VECTOR adjacent elements at once: 4, aligned to 16 bytes, or 1.
//
//     LOAD(values, x + at);  ...  STORE(y + at, values);      values: an array of VECTOR elements

#ifndef VECTOR_H
#define VECTOR_H

#if VECTOR == 4
#define LOAD(values, p)              \
    REAL values[VECTOR];             \
    do {                             \
        const auto four_ = ld4(p);   \
        values[0] = four_.x;         \
        values[1] = four_.y;         \
        values[2] = four_.z;         \
        values[3] = four_.w;         \
    } while (false)
#define STORE(p, values) st4(p, {values[0], values[1], values[2], values[3]})
#else
#define LOAD(values, p) REAL values[VECTOR] = {*(p)}
#define STORE(p, values) *(p) = values[0]
#endif

#endif
