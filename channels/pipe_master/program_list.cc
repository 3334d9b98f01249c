#include "channels/pipe_master/program_list.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/strings.h"

namespace waxwing::channels {

namespace {
constexpr std::string_view kHead =
    "! Programs that mail may be given to: method, account, program, arguments. Kept by imsimta program.\n";

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && !text.starts_with('-') && text != "." && text != ".." &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
             std::string_view::npos;
}

std::string list_path(const std::string& root) {
  return root + "/config/programs";
}
}  // namespace

Result<std::vector<ListedProgram>> parse_program_list(std::string_view text) {
  std::vector<ListedProgram> programs;
  std::vector<std::string> errors;
  for (int number = 1; !text.empty(); ++number) {
    const auto line = trim(take_until(text, '\n'));
    if (line.empty() || line[0] == '!' || line[0] == '#') continue;
    const auto words = split_words(line);
    const auto wrong = [&](const std::string& what) {
      errors.push_back(fmt::format("config/programs:{}: {}", number, what));
    };
    if (line.find('\0') != line.npos) {
      wrong("a NUL byte ends what the system takes for a name: " + printable(line));
    } else if (words.size() < 3 || !is_name(words[0]) || !is_name(words[1]) ||
               !(words[2].starts_with('/') || is_name(words[2]))) {
      wrong("want METHOD ACCOUNT PROGRAM [ARGUMENT...]: " + printable(line));
    } else if (find_program(programs, words[0]) != nullptr) {
      wrong("method " + std::string(words[0]) + " is there twice");
    } else {
      programs.push_back({to_lower(words[0]), std::string(words[1]), std::string(words[2]), {}});
      programs.back().arguments.assign(words.begin() + 3, words.end());
    }
  }
  if (!errors.empty()) return permanent(join(errors, "\n"));
  return programs;
}

Result<std::vector<ListedProgram>> read_program_list(const std::string& root) {
  TRY(const bool there, is_there(list_path(root)));
  if (!there) return std::vector<ListedProgram>();
  TRY(const auto text, read_file(list_path(root), 1 << 20));
  return parse_program_list(text);
}

Result<> write_program_list(const std::string& root, const std::vector<ListedProgram>& programs) {
  std::string text(kHead);
  for (const auto& program : programs) {
    text += fmt::format("{} {} {}", program.method, program.account, program.program);
    for (const auto& argument : program.arguments) text += " " + argument;
    text += "\n";
  }
  TRY(const auto parsed, parse_program_list(text));
  for (const auto& program : programs) {
    const auto* again = find_program(parsed, program.method);
    if (again == nullptr || again->account != program.account || again->program != program.program)
      return permanent("method, account and program hold letters, digits, and . _ - only: " +
                       printable(program.method));
  }
  return replace_file(list_path(root), text, 0640);
}

const ListedProgram* find_program(const std::vector<ListedProgram>& programs, std::string_view method) {
  for (const auto& program : programs)
    if (iequals(program.method, method)) return &program;
  return nullptr;
}

std::string program_path(const std::string& root, const std::string& program) {
  return program.starts_with('/') ? program : root + "/site-programs/" + program;
}

Result<> check_program(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::unexpected(system_error("no program " + path, errno));
  if (!S_ISREG(status.st_mode) || (status.st_mode & 0111) == 0)
    return permanent(path + " is no program: it cannot be executed");
  for (std::string_view piece = path; !piece.empty(); piece = piece.substr(0, piece.find_last_of('/'))) {
    const std::string name(piece);
    if (::stat(name.c_str(), &status) != 0) return std::unexpected(system_error(name, errno));
    const bool sticky = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
    if ((status.st_mode & 0022) != 0 && !sticky)
      return permanent(name +
                       " may be changed by others than its owner: take the right to write from group and "
                       "others (chmod go-w)");
    if (status.st_uid != 0 && status.st_uid != ::geteuid())
      return permanent(name + " belongs neither to root nor to the account of the mail service");
  }
  return {};
}

}  // namespace waxwing::channels
