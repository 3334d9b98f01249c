// Lines from somebody at a terminal: editing, history, completion (libedit). From anything else, lines as they come.
//
// Ctrl-C gives up the line, Ctrl-D on an empty one ends; Tab completes, or shows what it could be.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tools/imsimta/qm_complete.h"

namespace waxwing::imsimta {

class LineEditor {
 public:
  using Completer = std::function<Completion(std::string_view before_cursor)>;
  // history_file: read now, written at the end; what cannot be is not missed.
  LineEditor(std::string prompt, std::string history_file, Completer completer);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  // Without its end. Nothing at the end of input. Not while another LineEditor is in use.
  std::optional<std::string> read();

 private:
  struct Terminal;
  std::unique_ptr<Terminal> terminal_;  // null: no terminal
};

}  // namespace waxwing::imsimta
