// What is freed is overwritten: what agents and AWS sent, and what was recorded of it, shall not be
// found in this process's memory once it has passed (docs/threat-model.md). Covers what C++ code
// allocates, which is nearly all; OpenSSL wipes its own buffers. The compiler may not drop it.
#include <cstdlib>
#include <new>

#include <malloc.h>

#include "base/secret.h"

namespace {

void wipe_and_free(void* memory) noexcept {
    if (memory != nullptr) {
        narrows::wipe(memory, malloc_usable_size(memory));
        std::free(memory);
    }
}

void* allocate(std::size_t size) {
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) {
        return memory;
    }
    throw std::bad_alloc();
}

void* allocate(std::size_t size, std::align_val_t alignment) {
    const auto to = static_cast<std::size_t>(alignment);
    if (void* const memory = std::aligned_alloc(to, (size + to - 1) / to * to)) {
        return memory;
    }
    throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) {
    return allocate(size);
}
void* operator new[](std::size_t size) {
    return allocate(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return allocate(size, alignment);
}
void operator delete(void* memory) noexcept {
    wipe_and_free(memory);
}
void operator delete[](void* memory) noexcept {
    wipe_and_free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    wipe_and_free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    wipe_and_free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    wipe_and_free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
    wipe_and_free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    wipe_and_free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
    wipe_and_free(memory);
}
