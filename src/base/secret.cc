#include "base/secret.h"

#include <cstring>

namespace narrows {

void wipe(void* memory, std::size_t size) {
    if (size != 0) {
        ::explicit_bzero(memory, size);
    }
}

}  // namespace narrows
