#include "tools/imsimta/line_editor.h"

#include <histedit.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "common/base/strings.h"

namespace waxwing::imsimta {

namespace {
constexpr int kHistoryLines = 500;

struct EndEditor {
  void operator()(EditLine* editor) const { el_end(editor); }
};
struct EndHistory {
  void operator()(History* history) const { history_end(history); }
};

void show(const std::vector<std::string>& choices) {
  std::size_t width = 0;
  for (const auto& choice : choices) width = std::max(width, choice.size() + 2);
  winsize size{};
  const std::size_t columns =
      ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  const auto per_line = std::max<std::size_t>(1, columns / width);
  std::fputc('\n', stdout);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const bool last = (i + 1) % per_line == 0 || i + 1 == choices.size();
    std::fputs(choices[i].c_str(), stdout);
    std::fputs(last ? "\n" : std::string(width - choices[i].size(), ' ').c_str(), stdout);
  }
  std::fflush(stdout);
}
}  // namespace

// Edit functions are given the EditLine only: it carries the Terminal as its client data.
struct LineEditor::Terminal {
  std::string prompt, history_file;
  Completer completer;
  bool given_up = false;
  std::unique_ptr<History, EndHistory> history;
  std::unique_ptr<EditLine, EndEditor> editor;

  static Terminal& of(EditLine* editor) {
    void* data = nullptr;
    el_get(editor, EL_CLIENTDATA, &data);
    return *static_cast<Terminal*>(data);
  }
  static char* prompt_of(EditLine* editor) { return of(editor).prompt.data(); }
  static unsigned char complete(EditLine* editor, int);
  static unsigned char give_up(EditLine* editor, int);
  static unsigned char suspend(EditLine* editor, int);

  void set_up();
};

unsigned char LineEditor::Terminal::complete(EditLine* editor, int) {
  const auto* line = el_line(editor);
  const std::string before(line->buffer, line->cursor);
  const auto begun = split_typed(before).begun;
  const auto found = of(editor).completer(before);
  if (found.choices.empty()) return CC_ERROR;
  if (found.common.size() > begun.size() || found.final) {
    el_deletestr(editor, static_cast<int>(begun.size()));
    el_insertstr(editor, (found.common + (found.final ? " " : "")).c_str());
    return CC_REFRESH;
  }
  show(found.choices);
  return CC_REDISPLAY;
}

unsigned char LineEditor::Terminal::give_up(EditLine* editor, int) {
  of(editor).given_up = true;
  return CC_NEWLINE;
}

unsigned char LineEditor::Terminal::suspend(EditLine* editor, int) {
  el_set(editor, EL_PREP_TERM, 0);
  ::raise(SIGTSTP);
  el_set(editor, EL_PREP_TERM, 1);
  return CC_REDISPLAY;
}

void LineEditor::Terminal::set_up() {
  std::setlocale(LC_CTYPE, "");  // what is typed may be more than ASCII
  auto* const el = editor.get();
  el_set(el, EL_CLIENTDATA, this);
  el_set(el, EL_PROMPT, prompt_of);
  el_set(el, EL_EDITOR, "emacs");
  // Ctrl-C and Ctrl-Z come as characters, so that a line can be given up without ending the program.
  el_set(el, EL_SETTY, "-d", "-isig", nullptr);
  el_set(el, EL_ADDFN, "qm-complete", "complete the word", complete);
  el_set(el, EL_ADDFN, "qm-give-up", "give up the line", give_up);
  el_set(el, EL_ADDFN, "qm-suspend", "stop the program", suspend);
  el_set(el, EL_BIND, "^I", "qm-complete", nullptr);
  el_set(el, EL_BIND, "^C", "qm-give-up", nullptr);
  el_set(el, EL_BIND, "^Z", "qm-suspend", nullptr);
  el_set(el, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  HistEvent event;
  ::history(history.get(), &event, H_SETSIZE, kHistoryLines);
  ::history(history.get(), &event, H_SETUNIQUE, 1);
  ::history(history.get(), &event, H_LOAD, history_file.c_str());
  el_set(el, EL_HIST, ::history, history.get());
}

LineEditor::LineEditor(std::string prompt, std::string history_file, Completer completer) {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) return;
  auto terminal = std::make_unique<Terminal>();
  terminal->prompt = std::move(prompt);
  terminal->history_file = std::move(history_file);
  terminal->completer = std::move(completer);
  terminal->history.reset(history_init());
  terminal->editor.reset(el_init("imsimta", stdin, stdout, stderr));
  if (!terminal->editor || !terminal->history) return;
  terminal->set_up();
  terminal_ = std::move(terminal);
}

LineEditor::~LineEditor() {
  if (!terminal_) return;
  const auto before = ::umask(077);
  HistEvent event;
  ::history(terminal_->history.get(), &event, H_SAVE, terminal_->history_file.c_str());
  ::umask(before);
}

std::optional<std::string> LineEditor::read() {
  std::string line;
  if (!terminal_) return std::getline(std::cin, line) ? std::optional(line) : std::nullopt;
  int count = 0;
  terminal_->given_up = false;
  // Before the prompt, and not after it as el_gets() would: what is pressed as soon as it shows is a key already.
  el_set(terminal_->editor.get(), EL_PREP_TERM, 1);
  const char* const text = el_gets(terminal_->editor.get(), &count);
  if (terminal_->given_up) {
    std::fputs("^C\n", stdout);
    return "";
  }
  if (text == nullptr || count <= 0) {
    std::fputs("\n", stdout);
    return std::nullopt;
  }
  line.assign(text, static_cast<std::size_t>(count));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  HistEvent event;
  if (!trim(line).empty()) ::history(terminal_->history.get(), &event, H_ENTER, line.c_str());
  return line;
}

}  // namespace waxwing::imsimta
