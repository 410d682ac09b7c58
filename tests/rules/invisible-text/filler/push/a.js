const { ok, ㅤ } = query;
