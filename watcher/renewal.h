// watcher becomes the program that was installed over its own, and lets go of nothing: the services stay its
// children, who asks it next finds its socket open.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/file.h"
#include "common/base/result.h"

namespace waxwing {

// What the old program hands to the new one, on its command line after --resume.
struct Inheritance {
  int listener = -1;  // run/watcher
  int lock = -1;      // run/watcher.pid
  struct Running {
    std::string service;
    pid_t pid = 0;  // 0: wanted, but no process just now
  };
  std::vector<Running> services;

  std::string text() const;  // "5:6:stored=71,imapd=0"
  static std::optional<Inheritance> parse(std::string_view text);
};

// Exit status of watcher --trial, by which the old program learns whether the new one can take its place: others of
// this instance share the journal in a form that it does not know.
constexpr int kOtherJournal = 3;

// True when the file at path is another one than the program that process runs. False where that cannot be
// told: no such file, an interpreter runs it, /proc is closed to us.
bool runs_older_program(pid_t pid, const std::string& path);

// Answers only when it failed. arguments: what the new program gets before --resume. Signals that end a
// watcher wait from here until WatcherSignals of the new one takes them.
Error become_program(const std::string& program, std::vector<std::string> arguments,
                     const Inheritance& handed);

// Closes every descriptor from 3 on but these two.
void close_all_but(int one, int other);

}  // namespace waxwing
