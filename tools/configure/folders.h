// What an instance consists of.
#pragma once

#include <string_view>

#include <sys/stat.h>

namespace waxwing::configure {

struct InstanceFolder {
  std::string_view name;
  bool laid_out;  // by configure; the others come with the first service or command that needs them
  mode_t mode = 0700;
};

// Whoever lets a service keep something in a folder of its own puts that one here.
inline constexpr InstanceFolder kInstanceFolders[] = {
    {"bin", true, 0755},
    {"config", true},
    {"config/built", true},
    {"config/locale", true},
    {"config.before", false},
    {"install", false},
    {"directory", false},
    {"journal", true},
    {"metermaid", true},
    {"autoreply", true},
    {"defragment", true},
    {"circuitcheck", true},
    {"queue", true},
    {"store", true},
    {"store/mboxlist", true},
    {"store/partition", true},
    {"log", true},
    {"run", true},
    {"tls", true},
    {"man", false},
};

}  // namespace waxwing::configure
