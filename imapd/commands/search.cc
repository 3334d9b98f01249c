// SEARCH and UID SEARCH: RFC 9051 §6.4.4, §7.3.4; ESEARCH RFC 4731; SEARCHRES RFC 5182; CONDSTORE RFC 7162
// §3.1.5.
#include "imapd/commands/commands.h"
#include "imapd/search/result.h"
#include "imapd/search/walk.h"

namespace waxwing::imap {
namespace {

Result<SearchProgram> search_arguments(Scanner& in) {
  TRY_VOID(in.space());
  return parse_search(in);
}

}  // namespace

Task<Answer> search(Session& session, Command& command) {
  auto program = search_arguments(command.arguments);
  if (!program) co_return bad_syntax(program.error());
  if (const auto known = settle_charset(*program); !known) co_return Answer::no(known.error().text);
  if (program->root.uses_modseq()) session.enable_condstore();
  const SearchResult::Style style{.by_uid = command.by_uid,
                                  .extended = program->extended || session.rev2(),
                                  .modseq = program->root.uses_modseq(),
                                  .min = program->wants_min,
                                  .max = program->wants_max,
                                  .all = program->wants_all || !program->extended,
                                  .count = program->wants_count,
                                  .save = program->wants_save};
  SearchResult result(style);
  const Found found = [&](auto sequence, const auto& message) { result.add(sequence, message); };
  auto walked = co_await search_selected(session, *program, found);
  if (!walked) {
    if (style.save) session.selected()->saved.clear();
    co_return answer_for(walked.error());
  }
  if (style.save) session.selected()->saved = result.saved();
  co_await result.send(session, command.tag);
  co_return Answer::ok("SEARCH completed");
}

}  // namespace waxwing::imap
